//! Delivery under load: every client shows every message once, and all in the same order.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use crate::common::{
    client::{Client, Shown, seqs, texts},
    node::Cluster,
    traffic::{END, Followed, Nodes, follow, post_end},
    until_async,
};

const CLIENTS: usize = 300;
/// One in this many is on `/`, the others on `/chat`.
const TUTORIAL_EVERY: usize = 10;
const POSTERS: usize = 30;
/// Pause between two posts of one poster: ten a second.
const PAUSE: Duration = Duration::from_millis(100);
/// Posts of each poster: ten seconds of traffic.
const EACH: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_clients_on_three_nodes_have_each_message_once_and_in_one_order() {
    let cluster = Cluster::of(3).alone().start().await;
    let nodes = Nodes::new(cluster.addrs());
    let mut followers = JoinSet::new();
    for n in 0..CLIENTS {
        let namespace = if n % TUTORIAL_EVERY == 0 { "/" } else { "/chat" };
        followers.spawn(follow(nodes.clone(), n, namespace));
    }
    let connected = async || {
        let mut connected = 0.0;
        for node in &cluster.nodes {
            connected += node.metric("chorus_cursors").await;
        }
        connected == CLIENTS as f64
    };
    until_async("all clients are in the lobby", connected).await;

    let started = Instant::now();
    let posters = cluster.addrs().into_iter().cycle().take(POSTERS).enumerate();
    let posted = join_all(posters.map(|(n, addr)| post_steadily(addr, n))).await;
    let posting = started.elapsed();
    post_end(nodes.clone()).await;
    let followed: Vec<Followed> = followers.join_all().await;

    let mut sent: HashMap<String, Instant> = posted.into_iter().flatten().collect();
    sent.insert(END.to_owned(), started + posting);
    let sequence = &followed[0].shown;
    assert_eq!(seqs(sequence), (1..=sent.len() as u64).collect::<Vec<_>>());
    let shown: BTreeSet<&str> = texts(sequence).into_iter().collect();
    assert_eq!(shown, sent.keys().map(String::as_str).collect(), "what is shown and what was acked");
    for follower in &followed {
        assert_eq!(&follower.shown, sequence);
        assert_eq!(follower.reconnects, 0);
    }
    report(&followed, &sent, posting);
}

/// Posts at a fixed rate without waiting for acks; all posts must be acked in the end.
async fn post_steadily(addr: SocketAddr, poster: usize) -> Vec<(String, Instant)> {
    let mut client = Client::connect(addr, "/chat", json!({})).await.expect("the node lets the client in");
    let mut ticks = tokio::time::interval(PAUSE);
    let (mut sent, mut numbers) = (Vec::new(), Vec::new());
    for n in 0..EACH {
        ticks.tick().await;
        let text = format!("p{poster}-{n}");
        numbers.push(client.post(&text, &text).await.expect("the connection holds"));
        sent.push((text, Instant::now()));
    }
    for number in numbers {
        let response = client.ack(number).await;
        assert!(response[0]["ok"].is_object(), "{response:?}");
    }
    sent
}

/// Prints the delays from sending a post to each client's receipt of it. They include this process's own work.
fn report(followed: &[Followed], sent: &HashMap<String, Instant>, posting: Duration) {
    let delay = |(message, at): (&Shown, &Instant)| at.saturating_duration_since(sent[&message.text]);
    let mut delays: Vec<Duration> =
        followed.iter().flat_map(|follower| follower.shown.iter().zip(&follower.at).map(delay)).collect();
    delays.sort_unstable();
    let (count, at) = (delays.len(), |part: usize| delays[(delays.len() - 1) * part / 100]);
    println!(
        "{CLIENTS} clients, {} messages in {posting:.1?}, {count} deliveries: p50 {:.1?}, p99 {:.1?}",
        sent.len(),
        at(50),
        at(99)
    );
}
