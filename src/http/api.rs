//! `/api`: sessions, rooms and messages.

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
        model::{Author, Nonce, RoomName, Seq},
        ports::Receipt,
        publish::post::{Post, PostError},
    },
    gateway::protocol::{
        ErrorCode, Refusal,
        request::{FOUND_MAX, PAGE_MAX, ROOMS_MAX, color, limit, post_body},
        response::{history_json, identity_json, page_json, receipt_json, rooms_json},
    },
    http::state::Http,
    sync::lock,
    telemetry::trace::PostTrace,
};

#[derive(Deserialize)]
pub(super) struct NewSession {
    name: Option<String>,
    color: Option<Value>,
}

/// `POST /api/sessions`: creates a guest and issues a token.
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

/// `GET /api/rooms`: a page of rooms, by name.
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

/// `GET /api/rooms/{room}/messages`: a page after or before a seq, or of the newest messages.
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
            return Err(Refusal::new(ErrorCode::BadRequest, "after and before exclude each other"));
        }
        (Some(after), None) => {
            let (messages, more) = http.chat.following(&room, Seq(after), limit).await?;
            page_json(&messages, more, reader.as_ref())
        }
        (None, before) => {
            let history = http.chat.history(&room, before.map_or(Seq::MAX, Seq), limit).await?;
            history_json(&history, reader.as_ref())
        }
    };
    Ok(with_epoch(&http, page))
}

#[derive(Deserialize)]
pub(super) struct SearchParameters {
    q: Option<String>,
    before: Option<u64>,
    limit: Option<u64>,
}

/// `GET /api/rooms/{room}/search`: messages with all words of `q`, newest first.
pub(super) async fn search(
    State(http): State<Http>,
    room: Result<Path<String>, PathRejection>,
    query: Result<Query<SearchParameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let query = query_of(query)?;
    let (room, limit) = (room_of(room)?, limit(query.limit, FOUND_MAX));
    let before = query.before.map_or(Seq::MAX, Seq);
    let words = query.q.unwrap_or_default().parse()?;
    let reader = bearer(&http, &headers)?;
    let found = http.chat.search(&room, &words, before, limit).await?;
    let page = page_json(&found.messages, found.more, reader.as_ref());
    Ok(with_epoch(&http, page))
}

#[derive(Deserialize)]
pub(super) struct NewMessage {
    text: Option<String>,
    kind: Option<String>,
    of: Option<u64>,
}

/// `POST /api/elsewhere`: expires the load balancer's cookie, so that the browser's next connection may go to another node.
pub(super) async fn elsewhere(State(http): State<Http>) -> impl IntoResponse {
    let expired = format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", http.sticky_cookie);
    (StatusCode::NO_CONTENT, [(SET_COOKIE, expired)])
}

/// `POST /api/rooms/{room}/messages`: stores a message. `Idempotency-Key` is the nonce; without one, a retry stores the
/// message again.
pub(super) async fn post_message(
    State(http): State<Http>,
    room: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Json<NewMessage>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let author = bearer(&http, &headers)?.ok_or_else(|| {
        Refusal::new(
            ErrorCode::BadToken,
            "a post needs a token: get one from POST /api/sessions and send it as Authorization: Bearer TOKEN",
        )
    })?;
    // A header that is not ASCII is ignored.
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let post_trace = PostTrace::receive(traceparent);
    let Json(NewMessage { text, kind, of }) = body.map_err(|error| body_error(&error))?;
    let nonce: Option<Nonce> = header(&headers, "idempotency-key")?.map(str::parse).transpose()?;
    let body = post_body(kind.as_deref(), of, text.as_deref(), http.text_bytes_max)?;
    let trace = post_trace.as_ref().map(PostTrace::context);
    let post = Post { room: room_of(room)?, nonce, body, trace };
    let posted = store(&http, &author, post).instrument(PostTrace::log_span([&post_trace])).await;
    let posted = posted.map_err(Refusal::from);
    if let Some(post_trace) = post_trace {
        let outcome = posted.as_ref().map(|receipt| receipt.seq.0);
        post_trace.end(outcome.map_err(|refusal| refusal.code.as_str()));
    }
    Ok((StatusCode::CREATED, Json(receipt_json(posted?))))
}

/// Stores a post, unless its author exceeds the rate limit.
async fn store(http: &Http, author: &Author, post: Post) -> Result<Receipt, PostError> {
    let admitted = lock(&http.posting).take(&author.id, Instant::now());
    admitted.map_err(|retry_after_ms| PostError::RateLimited { retry_after_ms })?;
    http.chat.post(author, post).await
}

fn query_of<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::new(ErrorCode::BadRequest, error.body_text()))?;
    Ok(query)
}

/// Adds the epoch, without which a page's seqs mean nothing.
fn with_epoch(http: &Http, mut page: Value) -> Json<Value> {
    page["epoch"] = http.chat.log().epoch().to_string().into();
    Json(page)
}

fn room_of(path: Result<Path<String>, PathRejection>) -> Result<RoomName, Refusal> {
    let Path(room) = path.map_err(|error| Refusal::new(ErrorCode::BadRequest, error.body_text()))?;
    Ok(room.parse()?)
}

fn body_error(error: &JsonRejection) -> Refusal {
    let is_too_large = error.status() == StatusCode::PAYLOAD_TOO_LARGE;
    let code = if is_too_large { ErrorCode::TooLarge } else { ErrorCode::BadRequest };
    Refusal::new(code, error.body_text())
}

/// The user whose token the request carries, if it has one. An invalid token is refused.
fn bearer(http: &Http, headers: &HeaderMap) -> Result<Option<Author>, Refusal> {
    let Some(token) = header(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
    let token = token.strip_prefix("Bearer ").unwrap_or_default();
    let author = http.tokens.read(token, http.chat.clock().now());
    author.map(Some).map_err(|error| Refusal::new(ErrorCode::BadToken, error.to_string()))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let value = headers.get(name).map(|value| value.to_str());
    value
        .transpose()
        .map_err(|_| Refusal::new(ErrorCode::BadRequest, format!("the header {name} must be ASCII")))
}
