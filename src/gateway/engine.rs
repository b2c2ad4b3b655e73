//! What is seen of Engine.IO from outside: which session a request is for, and that it drained.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        Method, StatusCode,
        header::{CONTENT_TYPE, SEC_WEBSOCKET_KEY},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use socketioxide::socket::Sid;

use super::{connection::Connection, link::Links};

/// Where Engine.IO listens, with a slash at its end or without.
pub const PATH: &str = "/socket.io";

/// The engine's own answer to a session that it does not know; clients then begin a new one.
const UNKNOWN_SESSION: &str = r#"{"code":"1","message":"Session ID unknown"}"#;

/// Stands before the Socket.IO layer and tells the session's link what its requests mean.
pub async fn watch(State(links): State<Arc<Links>>, request: Request, next: Next) -> Response {
    let Some((sid, websocket)) = session(&request) else {
        return next.run(request).await;
    };
    if websocket {
        if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
            let link = links.link(sid);
            // A second websocket is refused by the engine and must not pass for the first.
            if !link.rides() {
                link.ride(connection);
                link.begin_upgrade();
            }
        }
        return next.run(request).await;
    }
    let Some(link) = links.get(sid) else {
        return next.run(request).await;
    };
    let polls = request.method() == Method::GET;
    match link.cut_token().run_until_cancelled(next.run(request)).await {
        Some(response) => {
            if polls {
                link.drain();
            }
            response
        }
        None => {
            (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], UNKNOWN_SESSION).into_response()
        }
    }
}

/// The session that an Engine.IO request names, and whether it comes as a websocket.
fn session(request: &Request) -> Option<(Sid, bool)> {
    request.uri().path().strip_prefix(PATH).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let pairs =
        || request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let value = |key: &str| pairs().find(|(name, _)| *name == key).map(|(_, value)| value);
    // Without a key it is no websocket: the engine refuses it.
    let websocket =
        value("transport") == Some("websocket") && request.headers().contains_key(SEC_WEBSOCKET_KEY);
    Some((value("sid")?.parse().ok()?, websocket))
}
