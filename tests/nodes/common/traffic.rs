//! Well-behaved clients: they reconnect to any node and resume.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::client::{Client, Gone, Shown};

/// The nodes' current addresses. A client that lost its node tries the next one.
#[derive(Clone)]
pub(crate) struct Nodes(Arc<Mutex<Vec<SocketAddr>>>);

impl Nodes {
    pub(crate) fn new(addrs: Vec<SocketAddr>) -> Self {
        Self(Arc::new(Mutex::new(addrs)))
    }

    pub(crate) fn add(&self, addr: SocketAddr) {
        self.0.lock().unwrap().push(addr);
    }

    pub(crate) fn remove(&self, addr: SocketAddr) {
        self.0.lock().unwrap().retain(|known| *known != addr);
    }

    /// Connects to the node with this number or, if that fails, to the next ones.
    async fn connect(&self, number: &mut usize, namespace: &'static str, auth: &Value) -> Client {
        loop {
            let addr = {
                let addrs = self.0.lock().unwrap();
                addrs[*number % addrs.len()]
            };
            match Client::connect(addr, namespace, auth.clone()).await {
                Ok(client) => return client,
                Err(refused) => assert!(refused.is_null(), "{refused}"),
            }
            *number += 1;
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The last text of a test: followers are done when they show it.
pub(crate) const END: &str = "end";

/// What a follower saw.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) shown: Vec<Shown>,
    /// When each was shown.
    pub(crate) at: Vec<Instant>,
    pub(crate) reconnects: usize,
}

/// Reads the lobby from its first message to [`END`], on any nodes.
pub(crate) async fn follow(nodes: Nodes, mut number: usize, namespace: &'static str) -> Followed {
    let mut followed = Followed::default();
    let mut epoch = Value::Null;
    loop {
        let seq = followed.shown.last().map_or(0, |last| last.seq);
        let auth = match (namespace, epoch.is_null()) {
            ("/", _) => json!({ "serverOffset": seq }),
            (_, true) => json!({}),
            (_, false) => json!({ "rooms": { "lobby": { "epoch": epoch, "seq": seq } } }),
        };
        let mut client = nodes.connect(&mut number, namespace, &auth).await;
        if namespace == "/chat" {
            let join = json!({ "room": "lobby", "history": 1_000 });
            if epoch.is_null() && client.emit("join", vec![join]).await.is_err() {
                continue;
            }
            if !epoch.is_null() {
                let joined = &client.session["rooms"]["lobby"];
                assert_eq!(joined["recovered"], json!(true), "{}", client.session);
            }
            epoch = client.session["epoch"].clone();
        }
        while let Ok(message) = client.try_message().await {
            followed.at.push(Instant::now());
            followed.shown.push(message);
            if followed.shown.last().is_some_and(|last| last.text == END) {
                return followed;
            }
        }
        followed.reconnects += 1;
        number += 1;
    }
}

/// Posts `NAME-0`, `NAME-1`, … to the lobby, each until it is acked, while `more` holds for the number of acks so far.
/// Returns that number.
pub(crate) async fn post_while(
    nodes: Nodes,
    mut number: usize,
    name: String,
    pause: Duration,
    more: impl Fn(usize) -> bool,
) -> usize {
    let mut token = Value::Null;
    let mut count = 0;
    'connections: loop {
        let mut client = nodes.connect(&mut number, "/chat", &json!({ "token": token })).await;
        token = client.session["token"].clone();
        while more(count) {
            let text = format!("{name}-{count}");
            // The ack may be late, or lost with its node: the retry settles it.
            let response = timeout(Duration::from_secs(5), client.try_say(&text, &text)).await;
            match response {
                Ok(Ok(args)) if args[0]["ok"].is_object() => count += 1,
                Ok(Ok(args)) => assert!(args[0]["error"]["retryAfterMs"].is_u64(), "{args:?}"),
                Ok(Err(Gone)) | Err(_) => {
                    number += 1;
                    continue 'connections;
                }
            }
            sleep(pause).await;
        }
        return count;
    }
}

/// Posts [`END`] until it is acked.
pub(crate) async fn post_end(nodes: Nodes) {
    loop {
        let mut client = nodes.connect(&mut 0, "/chat", &json!({})).await;
        if client.try_say(END, END).await.is_ok_and(|args| args[0]["ok"].is_object()) {
            return;
        }
    }
}
