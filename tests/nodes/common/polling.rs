//! The polling transport, request by request.

use std::net::SocketAddr;

use serde_json::Value;

use super::http::request;

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

/// A session that polls, and nothing else.
pub(crate) struct Polling {
    pub(crate) addr: SocketAddr,
    pub(crate) path: String,
    /// Heard, and not asked for yet.
    heard: Vec<String>,
}

impl Polling {
    /// Opens a session, connects its socket and hears of that.
    pub(crate) async fn open(addr: SocketAddr, connect: &str) -> Self {
        let opened = request(addr, "GET", OPEN, &[], "").await.unwrap();
        let hello: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
        let path = format!("{OPEN}&sid={}", hello["sid"].as_str().unwrap());
        let mut session = Self { addr, path, heard: Vec::new() };
        session.send(connect).await;
        let connected = &connect[..connect.find('{').unwrap_or(connect.len())];
        let mut heard = Vec::new();
        while !heard.iter().any(|packet: &String| packet.starts_with(connected)) {
            heard.extend(session.poll().await);
        }
        heard.retain(|packet| !packet.starts_with(connected));
        session.heard = heard;
        session
    }

    pub(crate) async fn send(&self, packet: &str) {
        let answer = request(self.addr, "POST", &self.path, &[], packet).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The packets of one poll, or what was heard before; heartbeats are answered.
    pub(crate) async fn poll(&mut self) -> Vec<String> {
        if !self.heard.is_empty() {
            return std::mem::take(&mut self.heard);
        }
        let answer = request(self.addr, "GET", &self.path, &[], "").await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let packets: Vec<String> = answer.body.split('\u{1e}').map(str::to_owned).collect();
        if packets.iter().any(|packet| packet == "2") {
            self.send("3").await;
        }
        packets
    }

    /// Polls until an ack comes, and returns its number and arguments.
    pub(crate) async fn ack(&mut self, prefix: &str) -> (u64, Value) {
        loop {
            for packet in self.poll().await {
                if let Some(ack) = packet.strip_prefix("43").and_then(|ack| ack.strip_prefix(prefix)) {
                    let (number, args) = ack.split_at(ack.find('[').expect("an ack has arguments"));
                    return (number.parse().unwrap(), serde_json::from_str(args).unwrap());
                }
            }
        }
    }

    /// Polls until so many messages of `/` came, and returns their places.
    pub(crate) async fn seqs(&mut self, count: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            for packet in self.poll().await {
                let args =
                    packet.strip_prefix("42").and_then(|args| serde_json::from_str::<Value>(args).ok());
                seqs.extend(args.and_then(|args| args[2].as_u64()));
            }
        }
        seqs
    }
}
