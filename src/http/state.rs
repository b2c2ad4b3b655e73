//! The state behind the HTTP handlers.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::{
    auth::Tokens,
    chat::{ports::ClusterBus, publish::user_limits::UserLimits, service::ChatService},
    telemetry::metrics::scrape::Metrics,
};

/// What all handlers share.
#[derive(Clone)]
pub struct Http {
    /// The domain's verbs.
    pub chat: Arc<ChatService>,
    /// Issues and verifies tokens.
    pub tokens: Arc<Tokens>,
    /// Rate limits for posts over HTTP.
    pub posting: Arc<Mutex<UserLimits>>,
    /// The bus, whose state `/readyz` shows.
    pub bus: Arc<dyn ClusterBus>,
    /// Renders `/metrics`.
    pub metrics: Metrics,
    /// Cancelled when the node drains.
    pub draining: CancellationToken,
    /// Maximum length of a message's text.
    pub text_bytes_max: usize,
    /// The cookie with which the load balancer keeps a browser on one node.
    pub sticky_cookie: Arc<str>,
}
