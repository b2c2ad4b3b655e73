//! Serves the page's embedded files.
//!
//! A file has two URLs: its plain path, which browsers revalidate each time, and one below `/assets/VERSION/`, which they
//! cache forever. All files share one version, so that modules that import each other by relative paths always match;
//! the page names the current version.

use std::{
    io::Write as _,
    sync::{LazyLock, Mutex},
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, write::GzEncoder};

use crate::{
    gateway::protocol::{ErrorCode, Refusal},
    http::assets::{
        files::{Assets, VENDOR, VERSION, VERSIONED, hex},
        index::IndexPage,
    },
    sync::lock,
};

mod files;
mod index;

/// For versioned URLs, whose content never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For all other URLs: a browser asks each time, and gets the content only if it has changed.
const REVALIDATE: &str = "no-cache";
/// Shorter contents are not compressed.
const GZIP_BYTES_MIN: usize = 512;

static INDEX: LazyLock<IndexPage> = LazyLock::new(|| IndexPage::new(&VERSION));

/// Compressed contents by their hash: at most one per file and version.
static GZIPPED: Mutex<Vec<([u8; 32], Bytes)>> = Mutex::new(Vec::new());

/// Serves `/socket.io/socket.io.js` and the like, where clients of the original server expect them.
pub(super) async fn client_script(request: Request, next: Next) -> Response {
    let name = request.uri().path().strip_prefix("/socket.io/");
    let is_script =
        |name: &&str| name.starts_with("socket.io.") && (name.ends_with(".js") || name.ends_with(".map"));
    match name.filter(is_script) {
        Some(name) => file(&format!("{VENDOR}{name}"), REVALIDATE, request.headers()),
        None => next.run(request).await,
    }
}

/// Serves every path without a route: a file, or 404.
pub(super) async fn page(request: Request) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return (StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.is_empty() || path == index::FILE {
        return index_page(request.headers());
    }
    // During a rolling upgrade browsers request files of another version. They get this version's, uncached.
    match path.strip_prefix(VERSIONED).and_then(|rest| rest.split_once('/')) {
        Some((version, path)) if version == *VERSION => file(path, IMMUTABLE, request.headers()),
        Some((_, path)) => file(path, REVALIDATE, request.headers()),
        None => file(path, REVALIDATE, request.headers()),
    }
}

fn index_page(headers: &HeaderMap) -> Response {
    let html = Bytes::from_static(INDEX.html.as_bytes());
    let mut response = respond(html, INDEX.hash, "text/html; charset=utf-8", REVALIDATE, headers);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, INDEX.policy.clone());
    response
}

fn file(path: &str, cache_control: &'static str, headers: &HeaderMap) -> Response {
    let Some(file) = Assets::get(path) else {
        let detail = if path.starts_with(VENDOR) {
            "no such file; run `make ui` to fetch the client library, and build again"
        } else {
            "no such page"
        };
        return Refusal::new(ErrorCode::NotFound, detail).into_response();
    };
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    respond(file.data.into_owned().into(), file.metadata.sha256_hash(), &mime, cache_control, headers)
}

/// Sends a content, compressed if the client accepts that, or 304 if the client has it.
fn respond(
    content: Bytes,
    hash: [u8; 32],
    mime: &str,
    cache_control: &'static str,
    request: &HeaderMap,
) -> Response {
    let gzips = GZIP_BYTES_MIN <= content.len() && accepts_gzip(request);
    let tag = format!("\"{}{}\"", hex(&hash[..8]), if gzips { "-gzip" } else { "" });
    let is_cached = request.get(IF_NONE_MATCH).is_some_and(|cached| cached.as_bytes() == tag.as_bytes());
    let body = match (is_cached, gzips) {
        (true, _) => Body::empty(),
        (false, true) => Body::from(gzipped(&content, hash)),
        (false, false) => Body::from(content),
    };
    let status = if is_cached { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let headers = [
        (CONTENT_TYPE, mime.to_owned()),
        (CACHE_CONTROL, cache_control.to_owned()),
        (ETAG, tag),
        (VARY, ACCEPT_ENCODING.to_string()),
    ];
    let mut response = (status, headers, body).into_response();
    if gzips && !is_cached {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Compresses a content, or takes it from the cache.
fn gzipped(content: &[u8], hash: [u8; 32]) -> Bytes {
    let mut cache = lock(&GZIPPED);
    if let Some((_, bytes)) = cache.iter().find(|(cached, _)| *cached == hash) {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let bytes =
        encoder.write_all(content).and_then(|()| encoder.finish()).expect("a write to memory cannot fail");
    let bytes = Bytes::from(bytes);
    cache.push((hash, bytes.clone()));
    bytes
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !["q=0", "q=0.0", "q=0.00", "q=0.000"].contains(&quality.trim())
    })
}
