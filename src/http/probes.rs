//! Health probes and metrics, for the operators' network only.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use crate::http::state::Http;

/// `GET /healthz`: the process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether the node should get traffic.
///
/// It should not while it drains or cannot read the log. A log that accepts no messages, or a bus that is down, counts as
/// degraded: that affects all nodes at once, and the load balancer would have none left. The check waits for nothing, so
/// that a busy node stays ready.
pub(super) async fn readyz(State(http): State<Http>) -> (StatusCode, Json<Value>) {
    let log = http.chat.log();
    let (readable, writable, bus) = (log.is_readable(), log.is_writable(), http.bus.is_up());
    let (status, state) = match (http.draining.is_cancelled(), readable, writable && bus) {
        (true, ..) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (_, false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
        (_, _, false) => (StatusCode::OK, "degraded"),
        _ => (StatusCode::OK, "ready"),
    };
    let log = json!({ "readable": readable, "writable": writable });
    let node = http.chat.node().as_str();
    (status, Json(json!({ "status": state, "node": node, "log": log, "bus": { "up": bus } })))
}

/// `GET /metrics`: all metrics in Prometheus' text format.
pub(super) async fn metrics(State(http): State<Http>) -> String {
    http.metrics.render(http.chat.stats(), http.chat.log().as_ref())
}
