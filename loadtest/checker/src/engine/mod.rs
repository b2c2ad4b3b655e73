//! Engine.IO v4 client over either transport.

mod handshake;
mod polling;
mod websocket;

use tokio_tungstenite::tungstenite::Utf8Bytes;

pub use self::handshake::Handshake;
use self::{polling::Polling, websocket::WebSocket};
use crate::{http::Jar, options::Transport, target::Target};

/// An open session.
pub struct Engine(Session);

enum Session {
    WebSocket(Box<WebSocket>),
    Polling(Polling),
}

impl Engine {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// The server cannot be reached or does not send a handshake.
    pub async fn open(target: &Target, jar: &Jar, transport: Transport) -> anyhow::Result<(Self, Handshake)> {
        if transport == Transport::Polling {
            let (polling, handshake) = Polling::open(target, jar).await?;
            return Ok((Self(Session::Polling(polling)), handshake));
        }
        let (websocket, handshake) = WebSocket::open(target, jar).await?;
        Ok((Self(Session::WebSocket(Box::new(websocket))), handshake))
    }

    /// Receives the next packet. Cancel safe: no packet is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// The session ended; the error says why.
    pub async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        match &mut self.0 {
            Session::WebSocket(websocket) => websocket.next().await,
            Session::Polling(polling) => polling.next().await,
        }
    }

    /// Sends the packets in order and empties the vector.
    ///
    /// # Errors
    ///
    /// The session ended; the error says why.
    pub async fn send(&mut self, packets: &mut Vec<String>) -> anyhow::Result<()> {
        match &mut self.0 {
            Session::WebSocket(websocket) => websocket.send(packets).await,
            Session::Polling(polling) => polling.send(packets).await,
        }
    }
}
