//! An HTTP client with one connection per request.

use std::{io, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::within;

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The error code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("a refusal has a code").to_owned()
    }
}

/// Sends a request and reads the whole response. It speaks HTTP/1.0, so that the response is not chunked.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Response> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: chorus\r\nContent-Length: {}\r\n", body.len());
    let mut response = Vec::new();
    let exchange = async {
        let mut tcp = TcpStream::connect(addr).await?;
        tcp.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).await?;
        tcp.read_to_end(&mut response).await
    };
    within("an HTTP response comes", exchange).await?;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Response { status, head: head.to_lowercase(), body: body.to_owned() })
}
