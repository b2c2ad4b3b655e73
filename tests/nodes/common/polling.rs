//! A client on the polling transport, driven request by request.

use std::net::SocketAddr;

use serde_json::Value;

use super::http::request;

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

/// An Engine.IO session that only polls.
pub(crate) struct Polling {
    pub(crate) addr: SocketAddr,
    pub(crate) path: String,
    /// Received, but not asked for yet.
    received: Vec<String>,
}

impl Polling {
    /// Opens a session and connects its socket with the packet `connect`.
    pub(crate) async fn open(addr: SocketAddr, connect: &str) -> Self {
        let opened = request(addr, "GET", OPEN, &[], "").await.unwrap();
        let handshake: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
        let path = format!("{OPEN}&sid={}", handshake["sid"].as_str().unwrap());
        let mut session = Self { addr, path, received: Vec::new() };
        session.send(connect).await;
        let connected = &connect[..connect.find('{').unwrap_or(connect.len())];
        let mut received = Vec::new();
        while !received.iter().any(|packet: &String| packet.starts_with(connected)) {
            received.extend(session.poll().await);
        }
        received.retain(|packet| !packet.starts_with(connected));
        session.received = received;
        session
    }

    pub(crate) async fn send(&self, packet: &str) {
        let response = request(self.addr, "POST", &self.path, &[], packet).await.unwrap();
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// The packets of one poll, or those received earlier. A heartbeat is answered.
    pub(crate) async fn poll(&mut self) -> Vec<String> {
        if !self.received.is_empty() {
            return std::mem::take(&mut self.received);
        }
        let response = request(self.addr, "GET", &self.path, &[], "").await.unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        let packets: Vec<String> = response.body.split('\u{1e}').map(str::to_owned).collect();
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

    /// Polls until `count` messages on `/` have come, and returns their seqs.
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
