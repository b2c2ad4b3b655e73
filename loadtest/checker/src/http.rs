//! Requests of one client over a connection that is kept.

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

/// The largest answer that is read; a poll brings what waits, which the server bounds.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A client's cookies, which its connections share.
pub type Jar = Arc<Mutex<Cookies>>;

/// One connection at a time; it is made when it is needed, and made again when the server closed it.
pub struct Http {
    target: Target,
    jar: Jar,
    connection: Option<SendRequest<Full<Bytes>>>,
    tasks: JoinSet<()>,
}

impl Http {
    /// Requests to this target.
    #[must_use]
    pub fn new(target: Target, jar: Jar) -> Self {
        Self { target, jar, connection: None, tasks: JoinSet::new() }
    }

    /// One request and its whole answer, as text.
    ///
    /// # Errors
    ///
    /// No connection, or it broke, or the answer is no text.
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
        let answer = self.connection().await?.send_request(request).await?;
        self.jar.lock().expect("nothing panics while it holds the jar").keep(answer.headers());
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok((status, String::from_utf8(body.into()).context("the answer is not UTF-8")?))
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
        // A connection that broke says so to the request that waits on it.
        self.tasks.spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

/// What to send along from a jar.
#[must_use]
pub fn cookies(jar: &Jar) -> Option<String> {
    jar.lock().expect("nothing panics while it holds the jar").header()
}

/// A connection to the target that sends what it is given at once.
///
/// # Errors
///
/// Nobody listens there.
pub async fn tcp(target: &Target) -> anyhow::Result<TcpStream> {
    // An address of IPv6 stands in brackets in a URL, and only there.
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((host, target.port)).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}
