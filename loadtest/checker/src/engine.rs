//! Engine.IO v4 from the client's side, over either transport.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{http::Jar, options::Transport, polling::Polling, target::Target, websocket::WebSocket};

/// Where the engine is, without its transport.
pub(crate) const PATH: &str = "/socket.io/?EIO=4&transport=";

/// What the server says first.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The session's id.
    pub sid: String,
    ping_interval: u64,
    ping_timeout: u64,
}

impl Handshake {
    /// The longest silence of the server's heartbeat before a client gives the connection up.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.ping_interval + self.ping_timeout)
    }

    /// Reads the packet that opens a session.
    pub(crate) fn read(packet: &str) -> anyhow::Result<Self> {
        let json = packet.strip_prefix('0').with_context(|| format!("no handshake: {packet:.80}"))?;
        serde_json::from_str(json).with_context(|| format!("no handshake: {packet:.200}"))
    }
}

/// An open session.
pub enum Engine {
    /// One frame a packet.
    WebSocket(Box<WebSocket>),
    /// Packets in the bodies of requests and answers.
    Polling(Polling),
}

impl Engine {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// It cannot be opened there, now.
    pub async fn open(target: &Target, jar: &Jar, transport: Transport) -> anyhow::Result<(Self, Handshake)> {
        if transport == Transport::Polling {
            let (polling, handshake) = Polling::open(target, jar).await?;
            return Ok((Self::Polling(polling), handshake));
        }
        let (websocket, handshake) = WebSocket::open(target, jar).await?;
        Ok((Self::WebSocket(Box::new(websocket)), handshake))
    }

    /// The next packet. Nothing is lost if this is dropped before it is done.
    ///
    /// # Errors
    ///
    /// The session is over, for this reason.
    pub async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        match self {
            Self::WebSocket(websocket) => websocket.next().await,
            Self::Polling(polling) => polling.next().await,
        }
    }

    /// Sends these packets, in their order, and leaves none of them.
    ///
    /// # Errors
    ///
    /// The session is over, for this reason.
    pub async fn send(&mut self, packets: &mut Vec<String>) -> anyhow::Result<()> {
        match self {
            Self::WebSocket(websocket) => websocket.send(packets).await,
            Self::Polling(polling) => polling.send(packets).await,
        }
    }
}
