//! Every metric moves under its kind of traffic, and none is exported that is not declared.

use std::collections::BTreeSet;

use chorus::{
    gateway::protocol::ErrorCode,
    telemetry::metrics::{catalogue, preregistered},
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{
    node::{Cluster, Node},
    polling::Polling,
    until_async, within,
};

/// Metrics that this test cannot move, and why.
const STILL: [(&str, &str); 3] = [
    ("chorus_runtime_queued_tasks", "an idle node has none"),
    ("chorus_process_virtual_memory_max_bytes", "0 where the system sets no limit"),
    ("chorus_trace_spans_total", "tracing is off here; the tests of traces move it"),
];

/// Parses a line of `/metrics` into the metric's name, its labels (without a bucket's `le`) and the value.
fn series(line: &str) -> (String, Vec<String>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    let is_known = |name: &&str| catalogue::ALL.iter().any(|(known, ..)| known == name);
    let name = histogram.filter(is_known).unwrap_or(name);
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(label, _)| label.to_owned()).filter(|label| label != "le");
    (name.to_owned(), labels.collect(), value.parse().unwrap())
}

/// Counters that exist from the start: name, label and values. The values of refusals are the error codes.
fn from_the_start() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let codes = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let refused = ("chorus_messages_refused_total", "code", codes);
    let others = preregistered::FROM_THE_START.iter();
    others.map(|(name, label, values)| (*name, *label, values.to_vec())).chain([refused]).collect()
}

/// Scrapes a node and adds the metrics that are not 0 to `moved`. Checks that each is declared with its labels, and
/// that a counter with known label values has no others.
async fn scrape(node: &Node, moved: &mut BTreeSet<String>) {
    let text = node.get("/metrics").await.body;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, labels, value) = series(line);
        let (_, _, declared, _) =
            catalogue::ALL.iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            labels.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            declared.iter().copied().collect(),
            "{line}"
        );
        for (_, label, values) in from_the_start().iter().filter(|(known, ..)| *known == name) {
            let is = |known: &&str| line.contains(&format!("{label}=\"{known}\""));
            assert!(values.iter().any(is), "it is not there from the start: {line}");
        }
        if value != 0.0 {
            moved.insert(name);
        }
    }
}

fn still(moved: &BTreeSet<String>) -> Vec<&'static str> {
    let names = catalogue::ALL.iter().map(|(name, ..)| *name);
    names.filter(|name| !moved.contains(*name)).collect()
}

#[tokio::test]
async fn every_metric_moves_under_traffic_of_its_kind() {
    let plan = Cluster::of(2).set("drain.delay", "5s").set("limits.tail_messages", 20);
    let mut cluster = plan.start().await;
    let mut moved = BTreeSet::new();
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let (mut ada, mut bob) = (here.in_lobby().await, there.in_lobby().await);

    // Posts that are stored, known and refused, seen on both nodes.
    let mut acks = Vec::new();
    for n in 0..250 {
        acks.push(ada.post(&format!("{n}"), &format!("{n}")).await.unwrap());
    }
    for number in acks {
        ada.ack(number).await;
    }
    ada.say("0").await;
    assert!(
        ada.ask("post", json!({ "room": "lobby", "nonce": "bad", "text": "" })).await["error"].is_object()
    );
    for (node, client) in [(here, &mut ada), (there, &mut bob)] {
        assert_eq!(client.messages(250).await.len(), 250);
        until_async("nobody is behind", async || node.metric("chorus_sessions_catching_up").await == 0.0)
            .await;
    }
    ada.say("to those at the head").await;
    assert_eq!(bob.messages(1).await.len(), 1);
    for (node, hop) in [(here, "local"), (there, "remote")] {
        let live = format!("chorus_deliveries_total{{path=\"live\",hop=\"{hop}\"}}");
        until_async("one is emitted at the head", async || 0.0 < node.metric(&live).await).await;
        let timed = format!("chorus_delivery_seconds_count{{hop=\"{hop}\"}}");
        until_async("each emit is timed", async || node.metric(&timed).await == 251.0).await;
        assert!(node.metric(&format!("chorus_delivery_seconds_sum{{hop=\"{hop}\"}}")).await < 251.0 * 20.0);
    }

    // Presence: someone types.
    bob.ask("typing", json!({ "room": "lobby" })).await;
    assert_eq!(ada.next("typing").await.unwrap()[0]["room"], "lobby");

    // A client that reads no page, and two that resume: one from this log, and one from a position beyond its head.
    let mut slow = here.native(json!({})).await;
    slow.emit("join", vec![json!({ "room": "lobby", "history": 1_000 })]).await.unwrap();
    until_async("it is behind", async || here.metric("chorus_sessions_catching_up").await == 1.0).await;
    scrape(here, &mut moved).await;
    let epoch = slow.session["epoch"].clone();
    for (seq, recovered) in [(10, true), (10_000, false)] {
        let auth = json!({ "rooms": { "lobby": { "epoch": epoch, "seq": seq } } });
        let back = here.native(auth).await;
        assert_eq!(back.session["rooms"]["lobby"]["recovered"], recovered);
    }
    assert!(0.0 < here.metric("chorus_deliveries_total{path=\"log\"").await);
    scrape(here, &mut moved).await;
    scrape(there, &mut moved).await;

    // Without Redis a hint is lost, and the sweep finds the message.
    cluster.redis.kill();
    until_async("the loss is noticed", async || here.metric("chorus_bus_up").await == 0.0).await;
    ada.say("without Redis").await;
    ada.ask("typing", json!({ "room": "lobby" })).await;
    bob.messages(1).await;
    scrape(here, &mut moved).await;
    scrape(there, &mut moved).await;

    // CPU time is counted in whole seconds.
    until_async("a second of work is done", async || {
        scrape(here, &mut moved).await;
        moved.contains("chorus_process_cpu_seconds_total")
            && moved.contains("chorus_runtime_busy_seconds_total")
    })
    .await;
    here.terminate();
    until_async("the drain is seen", async || {
        scrape(here, &mut moved).await;
        moved.contains("chorus_drain_stage")
    })
    .await;
    let excused: Vec<_> = STILL.iter().map(|(name, _)| *name).collect();
    let still: Vec<_> = still(&moved).into_iter().filter(|name| !excused.contains(name)).collect();
    assert!(still.is_empty(), "nothing moves {still:?}");
}

#[tokio::test]
async fn what_has_not_happened_yet_is_counted_as_none() {
    let cluster = Cluster::of(1).set("node.id", "seven").start().await;
    let text = cluster.nodes[0].get("/metrics").await.body;
    for (name, label, values) in from_the_start() {
        for value in values {
            assert!(text.contains(&format!("{name}{{{label}=\"{value}\"}} 0\n")), "{name} {value}");
        }
    }
    assert!(text.contains("node=\"seven\"} 1\n"), "the node's name");
}

#[tokio::test]
async fn a_bus_that_redis_never_answered_is_down_and_without_redis_there_is_none() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let mut cluster = Cluster::of(1).without_redis().start().await;
    cluster.add_node_with(&[("REDIS_URL", &url), ("CHORUS_BUS__TIMEOUT", "1h")]).await;
    let bus_up = async |node: &Node| {
        let text = node.get("/metrics").await.body;
        text.lines().find_map(|line| line.strip_prefix("chorus_bus_up ").map(str::to_owned))
    };
    assert_eq!(bus_up(&cluster.nodes[0]).await, None);
    assert_eq!(bus_up(&cluster.nodes[1]).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_socket_counts_by_its_transport_and_moves_with_its_upgrade() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let count = async |transport: &str| {
        node.metric(&format!("chorus_connections{{namespace=\"/\",transport=\"{transport}\"}}")).await
    };
    let session = Polling::open(node.addr(), "40").await;
    until_async("it is polling", async || count("polling").await == 1.0).await;
    assert_eq!(count("websocket").await, 0.0);

    let sid = session.path.rsplit_once("sid=").unwrap().1;
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket&sid={sid}", node.addr());
    let tcp = TcpStream::connect(node.addr()).await.unwrap();
    let (mut ws, _) = tokio_tungstenite::client_async(url, tcp).await.unwrap();
    ws.send(Message::text("2probe")).await.unwrap();
    let response = within("the probe is answered", ws.next()).await.unwrap().unwrap();
    assert_eq!(response, Message::text("3probe"));
    ws.send(Message::text("5")).await.unwrap();
    until_async("it is a websocket", async || count("websocket").await == 1.0).await;
    assert_eq!(count("polling").await, 0.0);
    drop(ws);
    until_async("it is gone", async || count("websocket").await == 0.0).await;
}

#[tokio::test]
async fn a_session_counts_by_why_it_ended() {
    let plan = Cluster::of(1).without_redis().set("socketio.ping_interval", "1s");
    let cluster = plan.set("socketio.ping_timeout", "2s").start().await;
    let node = &cluster.nodes[0];
    let ended = async |reason: &str| {
        node.metric(&format!("chorus_sessions_ended_total{{reason=\"{reason}\"}}")).await
    };
    // It reads nothing and so never answers a ping.
    let mute = node.native(json!({})).await;
    drop(node.tutorial().await);
    until_async("one has left", async || ended("left").await == 1.0).await;
    until_async("one is mute", async || ended("heartbeat").await == 1.0).await;
    drop(mute);
    assert_eq!(node.metric("chorus_sessions_ended_total").await, 2.0);
}

#[tokio::test]
async fn what_finds_no_place_in_a_sockets_queue_counts_as_refused() {
    let plan = Cluster::of(2).without_redis().set("limits.requests_in_flight", 1);
    let cluster = plan.start().await;
    let [native, tutorial] = &cluster.nodes[..] else { unreachable!() };
    for (node, mut client) in [(native, native.in_lobby().await), (tutorial, tutorial.tutorial().await)] {
        until_async("some are refused", async || {
            for n in 0..50 {
                client.post(&format!("{n}"), &format!("{n}")).await.unwrap();
            }
            0.0 < node.metric("chorus_messages_refused_total{code=\"overloaded\"}").await
        })
        .await;
    }
}
