//! HTTP requests of one client over a keep-alive connection.

use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header::{CONTENT_TYPE, COOKIE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::target::{Cookies, Target};

/// The largest response body that is read. Servers bound a poll's response far below this.
const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A client's cookies, shared by its connections.
pub type Jar = Arc<Mutex<Cookies>>;

/// An HTTP client with at most one connection, which it opens on demand and reopens after the server closed it.
pub struct Http {
    target: Target,
    jar: Jar,
    connection: Option<SendRequest<Full<Bytes>>>,
    tasks: JoinSet<()>,
}

impl Http {
    /// Creates a client of `target`. It does not connect yet.
    #[must_use]
    pub fn new(target: Target, jar: Jar) -> Self {
        Self { target, jar, connection: None, tasks: JoinSet::new() }
    }

    /// Sends a request and reads the whole response as text.
    ///
    /// # Errors
    ///
    /// The connection failed, or the body is too large or not UTF-8.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<(StatusCode, String)> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.target.authority());
        if let Some(cookies) = cookies(&self.jar) {
            request = request.header(COOKIE, cookies);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "text/plain;charset=UTF-8");
        }
        let request = request.body(Full::from(body))?;
        let response = self.connection().await?.send_request(request).await?;
        self.jar.lock().expect("nothing panics while it holds the jar").keep(response.headers());
        let status = response.status();
        let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok((status, String::from_utf8(body.into()).context("the response is not UTF-8")?))
    }

    async fn connection(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let kept = match self.connection.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let usable = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        Ok(self.connection.insert(usable))
    }

    async fn connect(&mut self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let (sender, connection) = handshake(TokioIo::new(tcp(&self.target).await?)).await?;
        // Errors of the connection reach the request that waits on it.
        self.tasks.spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

/// The `Cookie` header for a request; `None` without cookies.
#[must_use]
pub fn cookies(jar: &Jar) -> Option<String> {
    jar.lock().expect("nothing panics while it holds the jar").header()
}

/// Opens a TCP connection with Nagle's algorithm off.
///
/// # Errors
///
/// The connection is refused or cannot be set up.
pub async fn tcp(target: &Target) -> anyhow::Result<TcpStream> {
    // IPv6 addresses have brackets in URLs only.
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((host, target.port)).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}
