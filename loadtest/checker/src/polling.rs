//! An Engine.IO session over HTTP long-polling: one request waits for packets, another carries them.

use anyhow::{Context as _, ensure};
use hyper::{Method, StatusCode};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    engine::{Handshake, PATH},
    http::{Http, Jar},
    target::Target,
};

/// Between packets of one body.
const SEPARATOR: char = '\u{1e}';
/// Packets that were read and are not taken yet; beyond them no further request is made.
const PACKETS_MAX: usize = 1_024;
/// Packets that wait for the request that carries others; whoever sends waits beyond them.
const SENDING_MAX: usize = 256;
/// Packets of one body: it stays far below what servers take.
const PACKETS_PER_BODY: usize = 64;

/// One session. Its two connections are closed with it.
pub struct Polling {
    heard: mpsc::Receiver<anyhow::Result<Utf8Bytes>>,
    to_send: mpsc::Sender<String>,
    _tasks: JoinSet<()>,
}

impl Polling {
    pub(crate) async fn open(target: &Target, jar: &Jar) -> anyhow::Result<(Self, Handshake)> {
        let mut polls = Http::new(target.clone(), jar.clone());
        let body = exchange(&mut polls, Method::GET, &format!("{PATH}polling"), String::new()).await?;
        let handshake = Handshake::read(&body)?;
        let path = format!("{PATH}polling&sid={}", handshake.sid);
        let (to_heard, heard) = mpsc::channel(PACKETS_MAX);
        let (to_send, sending) = mpsc::channel(SENDING_MAX);
        let posts = Http::new(target.clone(), jar.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(poll(polls, path.clone(), to_heard.clone()));
        tasks.spawn(post(posts, path, sending, to_heard));
        Ok((Self { heard, to_send, _tasks: tasks }, handshake))
    }

    pub(crate) async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        self.heard.recv().await.context("the session ended")?
    }

    pub(crate) async fn send(&mut self, packets: &mut Vec<String>) -> anyhow::Result<()> {
        for packet in packets.drain(..) {
            self.to_send.send(packet).await.context("the session ended")?;
        }
        Ok(())
    }
}

async fn exchange(http: &mut Http, method: Method, path: &str, body: String) -> anyhow::Result<String> {
    let (status, answer) = http.request(method, path, body).await?;
    ensure!(status == StatusCode::OK, "status {status}: {answer:.80}");
    Ok(answer)
}

/// Asks for packets for ever.
async fn poll(mut http: Http, path: String, heard: mpsc::Sender<anyhow::Result<Utf8Bytes>>) {
    loop {
        let body = match exchange(&mut http, Method::GET, &path, String::new()).await {
            Ok(body) => Utf8Bytes::from(body),
            Err(error) => return drop(heard.send(Err(error)).await),
        };
        for packet in body.split(SEPARATOR) {
            if heard.send(Ok(packet.into())).await.is_err() {
                return;
            }
        }
    }
}

/// Sends what waits, one request at a time, so that the order stays.
async fn post(
    mut http: Http,
    path: String,
    mut sending: mpsc::Receiver<String>,
    heard: mpsc::Sender<anyhow::Result<Utf8Bytes>>,
) {
    let mut packets = Vec::new();
    while 0 < sending.recv_many(&mut packets, PACKETS_PER_BODY).await {
        let body = packets.join(&SEPARATOR.to_string());
        packets.clear();
        if let Err(error) = exchange(&mut http, Method::POST, &path, body).await {
            return drop(heard.send(Err(error)).await);
        }
    }
}
