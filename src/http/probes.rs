//! Probes and metrics, for the operators' own network.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use crate::http::Http;

/// `GET /healthz`: the process is alive.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether the node should get traffic.
///
/// It is not ready while it drains or cannot read the log. A log that takes no
/// messages, or a bus that is down, is said and no more: it is so on every node, and all would go at once.
/// It waits for nothing, so that a node with much to do is no node that is away.
pub(super) async fn readyz(State(http): State<Http>) -> (StatusCode, Json<Value>) {
    let log = http.chat.log();
    let (readable, writable, bus) = (log.is_readable(), log.is_writable(), http.bus.is_up());
    let (status, word) = match (http.draining.is_cancelled(), readable, writable && bus) {
        (true, ..) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (_, false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
        (_, _, false) => (StatusCode::OK, "degraded"),
        _ => (StatusCode::OK, "ready"),
    };
    let log = json!({ "readable": readable, "writable": writable });
    let node = http.chat.node().as_str();
    (status, Json(json!({ "status": word, "node": node, "log": log, "bus": { "up": bus } })))
}

/// `GET /metrics`: Prometheus' text form.
pub(super) async fn metrics(State(http): State<Http>) -> String {
    http.metrics.render(http.chat.stats(), http.chat.log().as_ref())
}
