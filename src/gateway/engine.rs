//! What is seen of Engine.IO from outside: which session a request is for, and that it drained.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_KEY},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use socketioxide::socket::Sid;

use super::{connection::Connection, link::Links};
use crate::telemetry::metrics;

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
    // The engine keeps a session's first request, and a balancer sends others over the same connection: only a
    // request that becomes a websocket has the connection for itself.
    let connection = request.extensions_mut().remove::<Arc<Connection>>();
    match (session(&request), connection.filter(|_| comes_as_websocket(&request))) {
        (Some(sid), Some(connection)) => upgrade(&links, sid, &connection, next.run(request).await),
        (Some(sid), None) => poll(&links, sid, request, next).await,
        (None, Some(connection)) => {
            request.extensions_mut().insert(connection);
            next.run(request).await
        }
        (None, None) => begin_polling(&links, request, next).await,
    }
}

/// A session that began by polling becomes a websocket once the engine has agreed. The engine says more only
/// when that answer is written, so that it finds the link told.
fn upgrade(links: &Arc<Links>, sid: Sid, connection: &Arc<Connection>, response: Response) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let link = links.link(sid);
        // A second websocket is refused by the engine and must not pass for the first.
        if !link.rides() {
            link.ride(connection);
            link.begin_upgrade();
        }
    }
    response
}

/// One of the requests of a session; of a session that is cut it is answered as if there were none.
async fn poll(links: &Links, sid: Sid, request: Request, next: Next) -> Response {
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
            // One that is refused takes nothing.
            if polls && response.status().is_success() {
                link.drain();
            }
            response
        }
    }
}

/// A session without a connection of its own takes one of the node's places, which the engine keeps with its
/// first request as long as it lives; beyond them it is to come back later, or to another node.
async fn begin_polling(links: &Links, mut request: Request, next: Next) -> Response {
    let Some(place) = links.place() else {
        metrics::refused("overloaded");
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    };
    request.extensions_mut().insert(Arc::new(place));
    next.run(request).await
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

/// The session that an Engine.IO request names.
fn session(request: &Request) -> Option<Sid> {
    parameter(request, "sid")?.parse().ok()
}

/// Whether it comes as a websocket. Without a key it is none: the engine refuses it.
fn comes_as_websocket(request: &Request) -> bool {
    parameter(request, "transport") == Some("websocket") && request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

fn parameter<'r>(request: &'r Request, key: &str) -> Option<&'r str> {
    let mut pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}
