//! The polling transport, request by request.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::{http::request, node::Cluster, until_async};

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

/// A session that polls, and nothing else.
struct Polling {
    addr: SocketAddr,
    path: String,
}

impl Polling {
    async fn open(addr: SocketAddr, connect: &str) -> Self {
        let opened = request(addr, "GET", OPEN, &[], "").await.unwrap();
        let hello: Value = serde_json::from_str(opened.body.strip_prefix('0').unwrap()).unwrap();
        let path = format!("{OPEN}&sid={}", hello["sid"].as_str().unwrap());
        let session = Self { addr, path };
        session.send(connect).await;
        session
    }

    async fn send(&self, packet: &str) {
        let answer = request(self.addr, "POST", &self.path, &[], packet).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The packets of one poll; heartbeats are answered.
    async fn poll(&self) -> Vec<String> {
        let answer = request(self.addr, "GET", &self.path, &[], "").await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let packets: Vec<String> = answer.body.split('\u{1e}').map(str::to_owned).collect();
        if packets.iter().any(|packet| packet == "2") {
            self.send("3").await;
        }
        packets
    }

    /// Polls until so many messages of `/` came, and returns their places.
    async fn seqs(&self, count: usize) -> Vec<u64> {
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

#[tokio::test]
async fn a_polling_client_gets_a_long_history_and_then_what_is_new() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[1].native(json!({})).await;
    let mut numbers = Vec::new();
    for n in 1..=1_000 {
        numbers.push(ada.post(&n.to_string(), &n.to_string()).await.unwrap());
        // Not more in flight than may be.
        if n % 100 == 0 {
            ada.ack(n).await;
        }
    }
    let eve = Polling::open(cluster.nodes[0].addr(), r#"40{"serverOffset":0}"#).await;
    assert_eq!(eve.seqs(1_000).await, (1..=1_000).collect::<Vec<_>>());

    let (seqs, ()) = tokio::join!(eve.seqs(1), ada.say("new"));
    assert_eq!(seqs, [1_001]);
    eve.send(r#"421["chat message","from a poll","o-1"]"#).await;
    let mut packets = Vec::new();
    while packets.len() < 2 {
        packets.extend(eve.poll().await.into_iter().filter(|packet| packet.starts_with('4')));
    }
    packets.sort();
    assert_eq!(packets, [r#"42["chat message","from a poll",1002]"#, "431[]"]);
}

#[tokio::test]
async fn a_polling_client_that_polls_no_more_is_cut_and_its_session_is_unknown() {
    let cluster = Cluster::of(1).without_redis().set("limits.stall_timeout", "1s").start().await;
    let node = &cluster.nodes[0];
    let polling = [Polling::open(node.addr(), "40").await, Polling::open(node.addr(), "40/chat,").await];
    for client in &polling {
        assert!(client.poll().await.iter().any(|packet| packet.starts_with("40")));
    }
    polling[1].send(r#"42/chat,1["join",{"room":"lobby"}]"#).await;
    let mut ada = node.native(json!({})).await;
    for n in 0..200 {
        ada.say(&n.to_string()).await;
    }
    until_async("they are cut", async || node.metric("chorus_sessions_stalled_total").await == 2.0).await;
    until_async("their cursors are gone", async || node.metric("chorus_cursors").await == 0.0).await;
    for client in polling {
        let answer = request(client.addr, "GET", &client.path, &[], "").await.unwrap();
        assert_eq!(answer.status, 400, "what it would get is not all: {answer:?}");
    }
}
