//! Clients that stop reading: they hold up nobody, cost little memory, and miss nothing.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::common::{
    client::{Client, Shown, seqs},
    http::request,
    node::{Cluster, Node},
    until_async,
};

const MESSAGES: usize = 2_000;
const TEXT_BYTES: usize = 8_192;
/// Posts without an ack at any time.
const WINDOW: usize = 50;
/// Slow clients, half of them on each namespace.
const SLOW: usize = 6;
/// The slow clients leave about 100 MB unread. In the node each may cost at most two batches of 48 packets, 5 MB in
/// all. The rest is the tail (1 MB), the poster's requests in flight, SQLite's page caches (2 MB a connection), and
/// what the allocator keeps.
const GROWTH_MAX_KIB: u64 = 40 * 1_024;

/// Posts all messages, each as long as allowed.
async fn say_all(poster: &mut Client) {
    let mut waiting = std::collections::VecDeque::new();
    for n in 0..MESSAGES {
        let text = format!("{n:0>TEXT_BYTES$}");
        waiting.push_back(poster.post(&text, &n.to_string()).await.unwrap());
        if WINDOW <= waiting.len() {
            let response = poster.ack(waiting.pop_front().unwrap()).await;
            assert!(response[0]["ok"].is_object(), "{response:?}");
        }
    }
    for number in waiting {
        poster.ack(number).await;
    }
}

async fn read_all(mut client: Client) -> Vec<Shown> {
    client.messages(MESSAGES).await
}

/// Connected clients with small receive buffers, which read nothing until asked to.
async fn slow_clients(node: &Node) -> Vec<Client> {
    let mut clients = Vec::new();
    for n in 0..SLOW {
        let (namespace, auth) = [("/chat", json!({})), ("/", json!({ "serverOffset": 0 }))][n % 2].clone();
        let buffer = Some(16 * 1_024);
        let mut client =
            Client::connect_with_buffer(node.addr(), namespace, auth, buffer).await.expect("it is let in");
        if namespace == "/chat" {
            client.ask("join", json!({ "room": "lobby" })).await;
        }
        clients.push(client);
    }
    clients
}

/// Posts all messages while the slow clients read nothing, and checks the node's memory.
async fn run_traffic(node: &Node) {
    let before = node.rss_kib();
    let readers = vec![node.in_lobby().await, node.tutorial().await];
    let mut poster = node.native(json!({})).await;
    let mut most = before;
    let watch = async {
        loop {
            most = most.max(node.rss_kib());
            sleep(Duration::from_millis(20)).await;
        }
    };
    let all = async {
        let (all, ()) = tokio::join!(join_all(readers.into_iter().map(read_all)), say_all(&mut poster));
        all
    };
    let all = tokio::select! { all = all => all, () = watch => unreachable!() };
    for shown in all {
        assert_eq!(seqs(&shown), (1..=MESSAGES as u64).collect::<Vec<_>>());
    }
    assert!(most - before < GROWTH_MAX_KIB, "the node grew from {before} KiB to {most} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_stands_still_and_reads_on_where_it_was() {
    // On a slow machine, no timeout may end the silent clients.
    let patient =
        ["server.write_timeout", "limits.stall_timeout", "socketio.ping_interval", "socketio.ping_timeout"];
    let plan = patient.iter().fold(Cluster::of(1), |plan, setting| plan.set(setting, "2m"));
    let cluster = plan.start().await;
    let node = &cluster.nodes[0];
    let slow = slow_clients(node).await;
    run_traffic(node).await;

    // The slow clients' cursors are behind, and nothing more is emitted to them.
    until_async("only the slow ones are behind", async || {
        node.metric("chorus_sessions_catching_up").await == SLOW as f64
    })
    .await;
    let emitted = node.metric("chorus_deliveries_total").await;
    let to_slow = emitted as usize - 2 * MESSAGES;
    assert!(to_slow < SLOW * MESSAGES * 3 / 4, "{to_slow} messages were emitted to clients that do not read");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(node.metric("chorus_deliveries_total").await, emitted);
    assert_eq!(node.metric("chorus_sessions_catching_up").await, SLOW as f64);

    for shown in join_all(slow.into_iter().map(read_all)).await {
        assert_eq!(seqs(&shown), (1..=MESSAGES as u64).collect::<Vec<_>>());
    }
    // A message is counted just after its emit.
    until_async("each message was emitted once to each", async || {
        node.metric("chorus_deliveries_total").await as usize == (SLOW + 2) * MESSAGES
    })
    .await;
    until_async("nobody is behind", async || node.metric("chorus_sessions_catching_up").await == 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_cut_and_resumes_on_another_node() {
    let plan = Cluster::of(2).set("server.write_timeout", "1s").set("limits.stall_timeout", "2s");
    let cluster = plan.start().await;
    let [node, other] = &cluster.nodes[..] else { unreachable!() };
    let slow = slow_clients(node).await;
    run_traffic(node).await;

    until_async("the slow ones are cut", async || node.metric("chorus_connections").await == 0.0).await;
    for mut client in slow {
        let mut shown = client.messages_until_gone().await;
        assert!(shown.len() < MESSAGES, "it was cut before it had all");
        let seq = shown.last().map_or(0, |last| last.seq);
        let mut again = if client.session.is_null() {
            other.tutorial_after(json!({ "serverOffset": seq })).await
        } else {
            let position = json!({ "epoch": client.session["epoch"], "seq": seq });
            let again = other.native(json!({ "rooms": { "lobby": position } })).await;
            assert_eq!(again.session["rooms"]["lobby"]["recovered"], true);
            again
        };
        shown.extend(again.messages(MESSAGES - shown.len()).await);
        assert_eq!(seqs(&shown), (1..=MESSAGES as u64).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_client_that_asks_and_does_not_read_the_answers_is_cut_and_others_are_served() {
    let plan = Cluster::of(1).set("server.write_timeout", "1s").set("limits.stall_timeout", "2s");
    let cluster = plan.start().await;
    let node = &cluster.nodes[0];
    let mut ada = node.in_lobby().await;
    for n in 0..40 {
        ada.say(&format!("{n:-<8000}")).await;
    }
    let auth = json!({});
    let mut greedy =
        Client::connect_with_buffer(node.addr(), "/chat", auth, Some(4_096)).await.expect("it is let in");
    let before = node.rss_kib();
    let path =
        format!("/socket.io/?EIO=4&transport=polling&sid={}", greedy.session["session"].as_str().unwrap());
    // Polling a session that is a websocket drains nothing and frees no capacity.
    let poll = async {
        loop {
            let response = request(node.addr(), "GET", &path, &[], "").await.unwrap();
            assert_eq!(response.status, 400);
            sleep(Duration::from_millis(20)).await;
        }
    };
    let ask = async {
        loop {
            let asked = greedy.emit("history", vec![json!({ "room": "lobby" })]);
            // A write that blocks shows that the node has stopped reading.
            if !matches!(timeout(Duration::from_secs(5), asked).await, Ok(Ok(_))) {
                return;
            }
        }
    };
    tokio::select! { () = ask => {}, () = poll => {} }
    let grown = node.rss_kib().saturating_sub(before);
    // Two batches of three responses of 330 KB, which take 21 slots each, and 256 queued requests.
    assert!(grown < 16 * 1_024, "the node grew by {grown} KiB");
    ada.say("still served").await;
    until_async("the greedy one is cut", async || node.metric("chorus_connections").await == 1.0).await;
}
