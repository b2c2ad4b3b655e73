//! HTTP: the page, the API, the probes, and the way to the sockets.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, header},
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use socketioxide::layer::SocketIoLayer;
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{
    auth::Tokens,
    chat::{ports::ClusterBus, service::ChatService, user_limits::UserLimits},
    gateway::{engine, link::Links},
    telemetry::metrics::Metrics,
};

pub mod healthcheck;
pub mod serve;

mod api;
mod assets;
mod error;
mod probes;

/// What all requests share.
#[derive(Clone)]
pub struct Http {
    /// The domain's verbs.
    pub chat: Arc<ChatService>,
    /// Who someone is.
    pub tokens: Arc<Tokens>,
    /// How fast they may post.
    pub posting: Arc<Mutex<UserLimits>>,
    /// Whether other nodes can be reached.
    pub bus: Arc<dyn ClusterBus>,
    /// What `/metrics` says.
    pub metrics: Metrics,
    /// Whether the node is going away.
    pub draining: CancellationToken,
    /// The longest text, in bytes.
    pub text_bytes_max: usize,
    /// The cookie by which a balancer in front keeps a browser at its node.
    pub sticky_cookie: Arc<str>,
}

/// A file by itself loads nothing; the page brings a policy of its own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The largest body of an API request, in bytes, beside its text.
const BODY_BYTES: usize = 8_192;

/// All routes. The scripts that clients load from `/socket.io/` are answered ahead of the
/// Socket.IO layer, which would refuse them.
pub fn router(http: Http, sockets: SocketIoLayer, links: Arc<Links>) -> Router {
    let body_bytes = http.text_bytes_max * 6 + BODY_BYTES;
    let api = Router::new()
        .route("/api/sessions", post(api::new_session))
        .route("/api/elsewhere", post(api::elsewhere))
        .route("/api/rooms", get(api::rooms))
        .route("/api/rooms/{room}/search", get(api::search))
        .route("/api/rooms/{room}/messages", get(api::messages).post(api::post_message))
        .layer(DefaultBodyLimit::max(body_bytes));
    let probes = Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics));
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    let pages = Router::new()
        .fallback(assets::page)
        .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, policy))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("referrer-policy"),
            HeaderValue::from_static("same-origin"),
        ));
    Router::new()
        .merge(api)
        .merge(probes)
        .fallback_service(pages)
        .with_state(http)
        .layer(sockets)
        .layer(from_fn_with_state(links, engine::watch))
        .layer(from_fn(assets::client_script))
}
