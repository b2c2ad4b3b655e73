//! What is seen of Engine.IO from outside: which session a request is for, and that it drained.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
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

/// What the engine reads of a request's headers.
const HEADERS: [axum::http::HeaderName; 2] = [SEC_WEBSOCKET_KEY, CONTENT_TYPE];

/// Stands before the Socket.IO layer and tells the session's link what its requests mean.
pub async fn watch(State(links): State<Arc<Links>>, mut request: Request, next: Next) -> Response {
    if !is_for_engine(&request) {
        return next.run(request).await;
    }
    detach(&mut request);
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
    tokio::select! {
        biased;
        () = link.is_cut() => {
            (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], UNKNOWN_SESSION).into_response()
        }
        response = next.run(request) => {
            if polls {
                link.drain();
            }
            response
        }
    }
}

fn is_for_engine(request: &Request) -> bool {
    let rest = request.uri().path().strip_prefix(PATH);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Makes a request a copy of what the engine needs of it. The engine keeps a session's first request as long
/// as the session, and what hyper reads are slices of its buffer: each session would hold 8 KiB.
fn detach(request: &mut Request) {
    let kept: Vec<_> =
        HEADERS.into_iter().filter_map(|name| Some((request.headers().get(&name)?, name))).collect();
    let mut headers = HeaderMap::with_capacity(kept.len());
    for (value, name) in kept {
        let copy = HeaderValue::from_bytes(value.as_bytes()).expect("it is a header's value");
        headers.insert(name, copy);
    }
    *request.headers_mut() = headers;
    *request.uri_mut() = request.uri().to_string().parse().expect("it is a URI");
}

/// The session that an Engine.IO request names, and whether it comes as a websocket.
fn session(request: &Request) -> Option<(Sid, bool)> {
    let pairs =
        || request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let value = |key: &str| pairs().find(|(name, _)| *name == key).map(|(_, value)| value);
    // Without a key it is no websocket: the engine refuses it.
    let websocket =
        value("transport") == Some("websocket") && request.headers().contains_key(SEC_WEBSOCKET_KEY);
    Some((value("sid")?.parse().ok()?, websocket))
}
