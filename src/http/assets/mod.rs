//! The page's files, embedded into the binary, and how browsers may keep them.
//!
//! A file has two addresses: its plain path, asked for anew each time, and one below
//! `/assets/VERSION/`, kept for ever. The version is made from all files, so that modules which
//! name each other by relative paths stay of one kind; the page itself names the current one.

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
        files::{Assets, KEPT, VENDOR, VERSION, hex},
        shell::Shell,
    },
    sync::lock,
};

mod files;
mod shell;

/// A kept file never changes: another version has another address.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Asked for anew each time, but sent again only if it has changed.
const ASK_AGAIN: &str = "no-cache";
/// Less than this is not worth packing, in bytes.
const PACK_BYTES_MIN: usize = 512;

static SHELL: LazyLock<Shell> = LazyLock::new(|| Shell::new(&VERSION));

/// What was packed once, by the hash of its content: at most each file of each of its versions.
static PACKED: Mutex<Vec<([u8; 32], Bytes)>> = Mutex::new(Vec::new());

/// Answers `/socket.io/socket.io.js` and its kin, where clients of the original load them.
pub(super) async fn client_script(request: Request, next: Next) -> Response {
    let name = request.uri().path().strip_prefix("/socket.io/");
    let is_script =
        |name: &&str| name.starts_with("socket.io.") && (name.ends_with(".js") || name.ends_with(".map"));
    match name.filter(is_script) {
        Some(name) => file(&format!("{VENDOR}{name}"), ASK_AGAIN, request.headers()),
        None => next.run(request).await,
    }
}

/// Answers every path that is nothing else: a file, or the error that there is none.
pub(super) async fn page(request: Request) -> Response {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return (StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.is_empty() || path == shell::FILE {
        return home(request.headers());
    }
    // Another version's address, asked for while versions are replaced, gets this one's file, not to be kept.
    match path.strip_prefix(KEPT).and_then(|rest| rest.split_once('/')) {
        Some((version, path)) if version == *VERSION => file(path, FOR_EVER, request.headers()),
        Some((_, path)) => file(path, ASK_AGAIN, request.headers()),
        None => file(path, ASK_AGAIN, request.headers()),
    }
}

fn home(headers: &HeaderMap) -> Response {
    let html = Bytes::from_static(SHELL.html.as_bytes());
    let mut response = answer(html, SHELL.hash, "text/html; charset=utf-8", ASK_AGAIN, headers);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, SHELL.policy.clone());
    response
}

fn file(path: &str, keep: &'static str, headers: &HeaderMap) -> Response {
    let Some(file) = Assets::get(path) else {
        let detail = if path.starts_with(VENDOR) {
            "no such file; `make ui` fetches the client library"
        } else {
            "no such page"
        };
        return Refusal::new(ErrorCode::NotFound, detail).into_response();
    };
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == "text" { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    answer(file.data.into_owned().into(), file.metadata.sha256_hash(), &mime, keep, headers)
}

/// Sends a content, packed if the client takes that, or only word that it is unchanged.
fn answer(content: Bytes, hash: [u8; 32], mime: &str, keep: &'static str, asked: &HeaderMap) -> Response {
    let packs = PACK_BYTES_MIN <= content.len() && takes_gzip(asked);
    let tag = format!("\"{}{}\"", hex(&hash[..8]), if packs { "-gzip" } else { "" });
    let known = asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let body = match (known, packs) {
        (true, _) => Body::empty(),
        (false, true) => Body::from(packed(&content, hash)),
        (false, false) => Body::from(content),
    };
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let headers = [
        (CONTENT_TYPE, mime.to_owned()),
        (CACHE_CONTROL, keep.to_owned()),
        (ETAG, tag),
        (VARY, ACCEPT_ENCODING.to_string()),
    ];
    let mut response = (status, headers, body).into_response();
    if packs && !known {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Packs a content once; later it is remembered.
fn packed(content: &[u8], hash: [u8; 32]) -> Bytes {
    let mut known = lock(&PACKED);
    if let Some((_, bytes)) = known.iter().find(|(of, _)| *of == hash) {
        return bytes.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let bytes = encoder.write_all(content).and_then(|()| encoder.finish()).expect("memory takes every write");
    let bytes = Bytes::from(bytes);
    known.push((hash, bytes.clone()));
    bytes
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !["q=0", "q=0.0", "q=0.00", "q=0.000"].contains(&quality.trim())
    })
}
