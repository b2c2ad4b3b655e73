//! An Engine.IO session that starts as a websocket, without an upgrade from polling.

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::{header::COOKIE, http::HeaderValue};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, client::IntoClientRequest as _, protocol::WebSocketConfig},
};

use super::handshake::{Handshake, PATH};
use crate::{
    http::{Jar, cookies, tcp},
    target::Target,
};

/// Small, because each of thousands of connections has buffers of this size.
const BUFFER_BYTES: usize = 8 * 1024;

pub(crate) struct WebSocket(WebSocketStream<TcpStream>);

impl WebSocket {
    pub(crate) async fn open(target: &Target, jar: &Jar) -> anyhow::Result<(Self, Handshake)> {
        let url = format!("ws://{}{PATH}websocket", target.authority());
        let mut request = url.into_client_request()?;
        if let Some(cookies) = cookies(jar) {
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(&cookies)?);
        }
        let config =
            WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
        let tcp = tcp(target).await?;
        let (websocket, response) = client_async_with_config(request, tcp, Some(config)).await?;
        jar.lock().expect("nothing panics while it holds the jar").keep(response.headers());
        let mut websocket = Self(websocket);
        let handshake = Handshake::read(&websocket.next().await?)?;
        Ok((websocket, handshake))
    }

    pub(crate) async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.0.next().await.context("the connection ended")?? {
                Message::Text(packet) => return Ok(packet),
                Message::Close(_) => bail!("the websocket was closed"),
                Message::Binary(_) => bail!("the server sent a binary frame"),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    pub(crate) async fn send(&mut self, packets: &mut Vec<String>) -> anyhow::Result<()> {
        for packet in packets.drain(..) {
            self.0.feed(Message::text(packet)).await?;
        }
        Ok(self.0.flush().await?)
    }
}
