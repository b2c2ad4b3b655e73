//! Watches Engine.IO's requests from outside: which session each is for, and when that session has drained.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_KEY},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use socketioxide::socket::Sid;

use crate::{
    gateway::{protocol::ErrorCode, socketio::engine_session::EngineSessions},
    server::connection::Connection,
    telemetry::metrics,
};

/// The path of Engine.IO, with or without a slash at its end.
pub(in crate::gateway) const PATH: &str = "/socket.io";

/// The server's own response to an unknown session; clients then begin a new one.
const UNKNOWN_SESSION: &str = r#"{"code":"1","message":"Session ID unknown"}"#;

/// The headers that the server reads.
const HEADERS: [HeaderName; 2] = [SEC_WEBSOCKET_KEY, CONTENT_TYPE];

/// Middleware in front of the Socket.IO server: tells the sessions what their requests mean.
pub(in crate::gateway) async fn watch(
    State(sessions): State<Arc<EngineSessions>>,
    mut request: Request,
    next: Next,
) -> Response {
    if !is_for_engine(&request) {
        return next.run(request).await;
    }
    detach(&mut request);
    // The server keeps a session's first request, and a balancer sends unrelated ones over the same connection: only a
    // request that becomes a websocket has the connection to itself.
    let connection = request.extensions_mut().remove::<Arc<Connection>>();
    match (session_id(&request), connection.filter(|_| asks_for_websocket(&request))) {
        (Some(sid), Some(connection)) => upgrade(&sessions, sid, &connection, next.run(request).await),
        (Some(sid), None) => poll(&sessions, sid, request, next).await,
        (None, Some(connection)) => {
            request.extensions_mut().insert(connection);
            next.run(request).await
        }
        (None, None) => begin_polling(&sessions, request, next).await,
    }
}

/// A session that began by polling becomes a websocket once the server has agreed. The server sends nothing before that
/// response is written, so the session is updated in time.
fn upgrade(
    sessions: &Arc<EngineSessions>,
    sid: Sid,
    connection: &Arc<Connection>,
    response: Response,
) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let session = sessions.get_or_insert(sid);
        // The server refuses a second websocket, which must not pass for the first.
        if !session.has_websocket() {
            session.attach_websocket(connection);
            session.begin_upgrade();
        }
    }
    response
}

/// A request of a polling session; once the session is cut, it is answered as if the session were unknown.
async fn poll(sessions: &EngineSessions, sid: Sid, request: Request, next: Next) -> Response {
    let Some(session) = sessions.get(sid) else {
        return next.run(request).await;
    };
    let is_poll = request.method() == Method::GET;
    tokio::select! {
        biased;
        () = session.is_cut() => {
            (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], UNKNOWN_SESSION).into_response()
        }
        response = next.run(request) => {
            // A refused poll takes nothing.
            if is_poll && response.status().is_success() {
                session.drain();
            }
            response
        }
    }
}

/// A session without a connection of its own takes a permit, which the server keeps with the first request as long as
/// the session lives. Without one left, the client is to come back later, or to another node.
async fn begin_polling(sessions: &EngineSessions, mut request: Request, next: Next) -> Response {
    let Some(permit) = sessions.polling_permit() else {
        metrics::refused(ErrorCode::Overloaded.as_str());
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    };
    request.extensions_mut().insert(Arc::new(permit));
    next.run(request).await
}

fn is_for_engine(request: &Request) -> bool {
    let rest = request.uri().path().strip_prefix(PATH);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Copies what the server needs of a request. The server keeps a session's first request as long as the session, and
/// hyper's values are slices of its read buffer: each session would hold 8 KiB.
fn detach(request: &mut Request) {
    let kept: Vec<_> =
        HEADERS.into_iter().filter_map(|name| Some((request.headers().get(&name)?, name))).collect();
    let mut headers = HeaderMap::with_capacity(kept.len());
    for (value, name) in kept {
        let copy = HeaderValue::from_bytes(value.as_bytes()).expect("it was a header's value");
        headers.insert(name, copy);
    }
    *request.headers_mut() = headers;
    *request.uri_mut() = request.uri().to_string().parse().expect("it was a URI");
}

/// The session that an Engine.IO request names.
fn session_id(request: &Request) -> Option<Sid> {
    parameter(request, "sid")?.parse().ok()
}

/// Whether the request asks for a websocket. Without a key it does not: the server refuses it.
fn asks_for_websocket(request: &Request) -> bool {
    parameter(request, "transport") == Some("websocket") && request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

fn parameter<'r>(request: &'r Request, key: &str) -> Option<&'r str> {
    let mut pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}
