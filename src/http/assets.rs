//! The page and its scripts, embedded into the binary.

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::gateway::protocol::Refusal;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Assets;

/// Where `make ui` puts the client library.
const VENDOR: &str = "vendor/";

/// Answers `/socket.io/socket.io.js` and its kin, where clients of the original load them.
pub(super) async fn client_script(request: Request, next: Next) -> Response {
    let name = request.uri().path().strip_prefix("/socket.io/");
    let is_script =
        |name: &&str| name.starts_with("socket.io.") && (name.ends_with(".js") || name.ends_with(".map"));
    match name.filter(is_script) {
        Some(name) => file(&format!("{VENDOR}{name}"), request.headers()),
        None => next.run(request).await,
    }
}

/// Answers every path that is nothing else: a file, or the error that there is none.
pub(super) async fn page(request: Request) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return (StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n").into_response();
    }
    let path = match request.uri().path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    file(path, request.headers())
}

fn file(path: &str, headers: &HeaderMap) -> Response {
    let Some(file) = Assets::get(path) else {
        let detail = if path.starts_with(VENDOR) {
            "no such file; `make ui` fetches the client library"
        } else {
            "no such page"
        };
        return Refusal::new("not_found", detail).into_response();
    };
    let tag = tag(&file);
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    let headers = [(CONTENT_TYPE, mime), (CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag)];
    (headers, Body::from(file.data)).into_response()
}

/// A file's hash, so that an unchanged one is not sent again.
fn tag(file: &EmbeddedFile) -> String {
    let hash: String = file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}
