//! An Engine.IO session over HTTP long-polling: one connection receives packets, another sends them.

use anyhow::{Context as _, ensure};
use hyper::{Method, StatusCode};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::handshake::{Handshake, PATH};
use crate::{
    http::{Http, Jar},
    target::Target,
};

/// Separates the packets of one body.
const SEPARATOR: char = '\u{1e}';
/// Received packets that the client has not taken yet; a full queue delays the next poll.
const RECEIVED_MAX: usize = 1_024;
/// Packets that wait to be sent; a full queue makes the sender wait.
const SENDING_MAX: usize = 256;
/// Packets in one body; keeps a body far below the size that servers accept.
const PACKETS_PER_BODY: usize = 64;

/// One session. Dropping it closes both connections.
pub(crate) struct Polling {
    received: mpsc::Receiver<anyhow::Result<Utf8Bytes>>,
    to_send: mpsc::Sender<String>,
    _tasks: JoinSet<()>,
}

impl Polling {
    pub(crate) async fn open(target: &Target, jar: &Jar) -> anyhow::Result<(Self, Handshake)> {
        let mut polls = Http::new(target.clone(), jar.clone());
        let body = exchange(&mut polls, Method::GET, &format!("{PATH}polling"), String::new()).await?;
        let handshake = Handshake::read(&body)?;
        let path = format!("{PATH}polling&sid={}", handshake.sid);
        let (to_received, received) = mpsc::channel(RECEIVED_MAX);
        let (to_send, sending) = mpsc::channel(SENDING_MAX);
        let posts = Http::new(target.clone(), jar.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(poll(polls, path.clone(), to_received.clone()));
        tasks.spawn(post(posts, path, sending, to_received));
        Ok((Self { received, to_send, _tasks: tasks }, handshake))
    }

    pub(crate) async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        self.received.recv().await.context("the session ended")?
    }

    pub(crate) async fn send(&mut self, packets: &mut Vec<String>) -> anyhow::Result<()> {
        for packet in packets.drain(..) {
            self.to_send.send(packet).await.context("the session ended")?;
        }
        Ok(())
    }
}

async fn exchange(http: &mut Http, method: Method, path: &str, body: String) -> anyhow::Result<String> {
    let (status, response) = http.request(method, path, body).await?;
    ensure!(status == StatusCode::OK, "status {status}: {response:.80}");
    Ok(response)
}

/// Polls until the session ends.
async fn poll(mut http: Http, path: String, received: mpsc::Sender<anyhow::Result<Utf8Bytes>>) {
    loop {
        let body = match exchange(&mut http, Method::GET, &path, String::new()).await {
            Ok(body) => Utf8Bytes::from(body),
            Err(error) => return drop(received.send(Err(error)).await),
        };
        for packet in body.split(SEPARATOR) {
            if received.send(Ok(packet.into())).await.is_err() {
                return;
            }
        }
    }
}

/// Sends waiting packets, one request at a time to keep their order.
async fn post(
    mut http: Http,
    path: String,
    mut sending: mpsc::Receiver<String>,
    received: mpsc::Sender<anyhow::Result<Utf8Bytes>>,
) {
    let mut packets = Vec::new();
    while 0 < sending.recv_many(&mut packets, PACKETS_PER_BODY).await {
        let body = packets.join(&SEPARATOR.to_string());
        packets.clear();
        if let Err(error) = exchange(&mut http, Method::POST, &path, body).await {
            return drop(received.send(Err(error)).await);
        }
    }
}
