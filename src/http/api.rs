//! `/api`: rooms, messages, sessions.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, SET_COOKIE},
    },
    response::IntoResponse,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    auth::new_guest,
    chat::{
        ports::Receipt,
        post::{Post, PostError},
        types::{Author, Nonce, RoomName, Seq},
    },
    gateway::protocol::{
        Refusal,
        answer::{history_json, identity_json, page_json, receipt_json, rooms_json},
        request::{FOUND_MAX, PAGE_MAX, ROOMS_MAX, color, limit, saying},
    },
    sync::lock,
    telemetry::trace::Root,
};

use super::Http;

#[derive(Deserialize)]
pub(super) struct NewSession {
    name: Option<String>,
    color: Option<Value>,
}

/// `POST /api/sessions`: a new guest and a token.
pub(super) async fn new_session(
    State(http): State<Http>,
    body: Result<Json<NewSession>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let Json(NewSession { name, color: hue }) = body.map_err(|error| body_error(&error))?;
    let name = name.map(|name| name.parse()).transpose()?;
    let user = new_guest(name, color(hue.as_ref())?)?;
    let token = http.tokens.issue(&user, http.chat.clock().now());
    Ok((StatusCode::CREATED, Json(identity_json(&user, &token))))
}

#[derive(Deserialize)]
pub(super) struct RoomsQuery {
    after: Option<String>,
    limit: Option<u64>,
}

/// `GET /api/rooms`: the rooms by name.
pub(super) async fn rooms(
    State(http): State<Http>,
    query: Result<Query<RoomsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let query = query_of(query)?;
    let after: Option<RoomName> = query.after.map(|after| after.parse()).transpose()?;
    let reader = bearer(&http, &headers)?;
    let rooms = http.chat.rooms(after.as_ref(), limit(query.limit, ROOMS_MAX)).await?;
    Ok(Json(rooms_json(&rooms, reader.as_ref())))
}

#[derive(Deserialize)]
pub(super) struct MessagesQuery {
    after: Option<u64>,
    before: Option<u64>,
    limit: Option<u64>,
}

/// `GET /api/rooms/{room}/messages`: a page after a place, or before one; the newest without either.
pub(super) async fn messages(
    State(http): State<Http>,
    room: Result<Path<String>, PathRejection>,
    query: Result<Query<MessagesQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let query = query_of(query)?;
    let (room, limit) = (room_of(room)?, limit(query.limit, PAGE_MAX));
    let reader = bearer(&http, &headers)?;
    let page = match (query.after, query.before) {
        (Some(_), Some(_)) => {
            return Err(Refusal::new("bad_request", "a page is after a place or before one, not both"));
        }
        (Some(after), None) => {
            let (messages, more) = http.chat.following(&room, Seq(after), limit).await?;
            page_json(&messages, more, reader.as_ref())
        }
        (None, before) => {
            let history = http.chat.history(&room, Seq(before.unwrap_or(u64::MAX)), limit).await?;
            history_json(&history, reader.as_ref())
        }
    };
    Ok(of_log(&http, page))
}

#[derive(Deserialize)]
pub(super) struct SearchParameters {
    q: Option<String>,
    before: Option<u64>,
    limit: Option<u64>,
}

/// `GET /api/rooms/{room}/search`: what has all words of `q`, newest first.
pub(super) async fn search(
    State(http): State<Http>,
    room: Result<Path<String>, PathRejection>,
    query: Result<Query<SearchParameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let query = query_of(query)?;
    let (room, limit) = (room_of(room)?, limit(query.limit, FOUND_MAX));
    let before = Seq(query.before.unwrap_or(u64::MAX));
    let words = query.q.unwrap_or_default().parse()?;
    let reader = bearer(&http, &headers)?;
    let found = http.chat.search(&room, &words, before, limit).await?;
    let page = page_json(&found.messages, found.more, reader.as_ref());
    Ok(of_log(&http, page))
}

#[derive(Deserialize)]
pub(super) struct NewMessage {
    text: Option<String>,
    kind: Option<String>,
    of: Option<u64>,
}

/// `POST /api/elsewhere`: makes a browser forget the node that its balancer's cookie names, so that its
/// next connection may go to another.
pub(super) async fn elsewhere(State(http): State<Http>) -> impl IntoResponse {
    let expired = format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", http.sticky_cookie);
    (StatusCode::NO_CONTENT, [(SET_COOKIE, expired)])
}

/// `POST /api/rooms/{room}/messages`: stores a message. With `Idempotency-Key`, which is
/// the nonce, a retry is safe; without it each request stores.
pub(super) async fn post_message(
    State(http): State<Http>,
    room: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<NewMessage>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let author = bearer(&http, &headers)?.ok_or_else(|| {
        Refusal::new("bad_token", "a post needs a token: POST /api/sessions, then Authorization: Bearer")
    })?;
    // One that is not ASCII is no trace's.
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let root = Root::receive(traceparent);
    let Json(NewMessage { text, kind, of }) = body.map_err(|error| body_error(&error))?;
    let nonce: Option<Nonce> = header(&headers, "idempotency-key")?.map(str::parse).transpose()?;
    let saying = saying(kind.as_deref(), of, text.as_deref(), http.text_bytes_max)?;
    let trace = root.as_ref().map(Root::context);
    let post = Post { room: room_of(room)?, nonce, saying, trace };
    let posted = store(&http, &author, post).instrument(Root::log_span([&root])).await;
    let posted = posted.map_err(Refusal::from);
    if let Some(root) = root {
        root.end(posted.as_ref().map(|receipt| receipt.seq.0).map_err(|refusal| refusal.code));
    }
    Ok((StatusCode::CREATED, Json(receipt_json(posted?))))
}

/// Stores a post, if its author does not post faster than a session may.
async fn store(http: &Http, author: &Author, post: Post) -> Result<Receipt, PostError> {
    let turn = lock(&http.posting).take(&author.id, Instant::now());
    turn.map_err(|retry_after_ms| PostError::RateLimited { retry_after_ms })?;
    http.chat.post(author, post).await
}

/// What a request asks for beside its path.
fn query_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::new("bad_request", error.body_text()))?;
    Ok(query)
}

/// A page, and the log that its places are in.
fn of_log(http: &Http, mut page: Value) -> Json<Value> {
    page["epoch"] = http.chat.log().epoch().to_string().into();
    Json(page)
}

/// The room that a path names.
fn room_of(path: Result<Path<String>, PathRejection>) -> Result<RoomName, Refusal> {
    let Path(room) = path.map_err(|error| Refusal::new("bad_request", error.body_text()))?;
    Ok(room.parse()?)
}

/// What is wrong with a body.
fn body_error(error: &JsonRejection) -> Refusal {
    let code = if error.status() == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "bad_request" };
    Refusal::new(code, error.body_text())
}

/// Whose request this is; one with a bad token is nobody's and is refused.
fn bearer(http: &Http, headers: &HeaderMap) -> Result<Option<Author>, Refusal> {
    let Some(token) = header(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
    let token = token.strip_prefix("Bearer ").unwrap_or_default();
    let author = http.tokens.read(token, http.chat.clock().now());
    author.map(Some).map_err(|error| Refusal::new("bad_token", error.to_string()))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let value = headers.get(name).map(|value| value.to_str());
    value.transpose().map_err(|_| Refusal::new("bad_request", format!("the header {name} is not ASCII")))
}
