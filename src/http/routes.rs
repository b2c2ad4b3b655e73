//! All routes and their layers.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, header},
    middleware::from_fn,
    routing::{get, post},
};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::http::{api, assets, error, probes, state::Http};

/// For files, which load nothing by themselves; the page has a policy of its own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// What a request's body may contain beside the text.
const BODY_BYTES: usize = 8_192;

/// All routes. `mount` adds the sockets. The scripts below `/socket.io/` are served before the sockets, which would refuse
/// them.
pub fn router(http: Http, mount: impl FnOnce(Router) -> Router) -> Router {
    // JSON may write each byte of a text as six.
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
    let app = Router::new().merge(api).merge(probes).fallback_service(pages).with_state(http);
    mount(app).layer(from_fn(assets::client_script)).layer(from_fn(error::count_refusals))
}
