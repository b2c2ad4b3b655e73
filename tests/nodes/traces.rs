//! Tracing: one trace per message, from its receipt to its last emit on every node.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::common::{
    client::texts,
    collector::{Collector, Received},
    http::Response,
    node::{Cluster, Node},
    until, until_async,
};

const PARENT: [u8; 8] = [0x5a; 8];

/// A `traceparent` header of the trace whose id repeats this byte.
fn traceparent(trace: u8, flags: &str) -> String {
    format!("00-{}-{}-{flags}", format!("{trace:02x}").repeat(16), "5a".repeat(8))
}

async fn post(node: &Node, headers: &[(&str, &str)], text: &str) -> Response {
    let token = node.post("/api/sessions", &[("Content-Type", "application/json")], "{}").await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    all.extend(headers);
    node.post("/api/rooms/lobby/messages", &all, &json!({ "text": text }).to_string()).await
}

/// The spans of a trace, once there are `count`.
async fn trace(collector: &Collector, trace_id: &[u8], count: usize) -> Vec<Received> {
    let spans = || -> Vec<_> {
        collector.spans().into_iter().filter(|received| received.span.trace_id == trace_id).collect()
    };
    until("the trace is complete", || count <= spans().len()).await;
    spans()
}

/// Renders each span as `name node under name node`, sorted.
fn tree(spans: &[Received], names: &[&str]) -> Vec<String> {
    let node = |name: &str| names.iter().position(|known| *known == name).expect("a node of the cluster");
    let label = |received: &Received| format!("{} {}", received.span.name, node(&received.node));
    let line = |received: &Received| {
        let parent = spans.iter().find(|other| other.span.span_id == received.span.parent_span_id);
        format!("{} under {}", label(received), parent.map_or("none".to_owned(), label))
    };
    let mut lines: Vec<_> = spans.iter().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_message_is_one_trace_from_its_receipt_to_its_last_emit_on_both_nodes() {
    let collector = Collector::start().await;
    let plan = Cluster::of(0).set("telemetry.otlp_endpoint", collector.endpoint());
    let mut cluster = plan.set("telemetry.trace_sample_ratio", 1).start().await;
    for name in ["here", "there"] {
        cluster.add_node_with(&[("CHORUS_NODE__ID", name)]).await;
    }
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    for node in [here, there] {
        until_async("the bus is up", async || node.metric("chorus_bus_up").await == 1.0).await;
    }
    let (mut ada, mut bob) = (here.in_lobby().await, there.in_lobby().await);
    let mut eve = there.tutorial().await;

    // A hint that comes before the subscription is lost, and its trace context with it.
    let mut before = 0;
    until_async("hints cross", async || {
        before += 1;
        ada.say(&format!("before {before}")).await;
        0.0 < there.metric("chorus_bus_received_total").await
    })
    .await;

    let response = post(here, &[("traceparent", &traceparent(0xab, "01"))], "by HTTP").await;
    assert_eq!(response.status, 201, "{response:?}");
    ada.say("by a socket").await;
    for client in [&mut ada, &mut bob, &mut eve] {
        let shown = client.messages(before + 2).await;
        assert_eq!(texts(&shown[before..]), ["by HTTP", "by a socket"]);
    }

    let by_http = trace(&collector, &[0xab; 16], 6).await;
    let post = by_http.iter().find(|received| received.span.name == "post").unwrap();
    assert_eq!(post.span.parent_span_id, PARENT, "the caller's span");
    let seq = post.number("chorus.seq").unwrap();
    assert_eq!(seq, before as i64 + 1);
    let expected = [
        "append 0 under post 0",
        "commit 0 under post 0",
        "deliver 0 under post 0",
        "deliver 1 under publish 0",
        "post 0 under none",
        "publish 0 under post 0",
    ];
    assert_eq!(tree(&by_http, &["here", "there"]), expected);
    let emits = |node: &str| {
        let deliver = by_http.iter().find(|r| r.span.name == "deliver" && r.node == node).unwrap();
        (deliver.number("chorus.emits"), deliver.number("chorus.members"))
    };
    assert_eq!((emits("here"), emits("there")), ((Some(1), Some(1)), (Some(2), Some(2))));
    for Received { span, .. } in &by_http {
        assert!(post.span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    }

    let by_socket = || {
        let is_second = |r: &Received| r.span.name == "post" && r.number("chorus.seq") == Some(seq + 1);
        collector.spans().into_iter().find(is_second)
    };
    until("the second message is traced too", || by_socket().is_some()).await;
    let by_socket = by_socket().unwrap();
    assert_eq!(by_socket.span.parent_span_id, Vec::<u8>::new(), "it began here");
    let by_socket = trace(&collector, &by_socket.span.trace_id, 8).await;
    let more = ["ack 0 under post 0", "queue 0 under post 0"];
    let mut expected: Vec<_> = expected.into_iter().chain(more).collect();
    expected.sort_unstable();
    assert_eq!(tree(&by_socket, &["here", "there"]), expected);
}

#[tokio::test]
async fn what_is_traced_is_what_its_caller_says_or_else_a_share() {
    let collector = Collector::start().await;
    let plan = Cluster::of(1).without_redis().set("telemetry.otlp_endpoint", collector.endpoint());
    let mut cluster = plan.set("telemetry.trace_sample_ratio", 0).start().await;
    let all = [("CHORUS_TELEMETRY__TRACE_SAMPLE_RATIO", "1")];
    cluster.add_node_with(&all).await;
    let [none, all] = &cluster.nodes[..] else { unreachable!() };
    assert_eq!(post(none, &[], "not in the share").await.status, 201);
    assert_eq!(post(all, &[("traceparent", &traceparent(1, "00"))], "unsampled").await.status, 201);
    assert_eq!(post(none, &[("traceparent", &traceparent(2, "01"))], "sampled").await.status, 201);
    assert_eq!(post(all, &[("traceparent", "nonsense")], "in the share").await.status, 201);

    let posts = || collector.spans().into_iter().filter(|received| received.span.name == "post");
    until("both have come", || posts().count() == 2).await;
    let is_known = |received: &Received| received.span.trace_id == [2; 16];
    assert_eq!(posts().filter(is_known).count(), 1);
    let own = posts().find(|received| !is_known(received)).unwrap();
    assert_eq!(own.number("chorus.seq"), Some(4), "the other is the one in the share");
}

#[tokio::test]
async fn nothing_is_exported_while_no_endpoint_is_set() {
    let collector = Collector::start().await;
    let mut cluster = Cluster::of(0).without_redis().start().await;
    // The variable that exporters read by default.
    let endpoint = collector.endpoint();
    let node = cluster.add_node_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    assert_eq!(post(node, &[("traceparent", &traceparent(1, "01"))], "hello").await.status, 201);
    assert_eq!(node.metric("chorus_messages_accepted_total").await, 1.0);
    assert_eq!(node.metric("chorus_trace_spans_total").await, 0.0);
    node.terminate();
    assert_eq!(cluster.nodes[0].exit().await.code(), Some(0));
    assert_eq!(collector.spans().len(), 0);
}

#[tokio::test]
async fn a_drain_sends_the_last_spans() {
    let collector = Collector::start().await;
    let plan = Cluster::of(1).without_redis().set("telemetry.otlp_endpoint", collector.endpoint());
    let plan = plan.set("drain.delay", "0s").set("drain.spread", "100ms");
    let mut cluster = plan.set("telemetry.trace_sample_ratio", 1).start().await;
    assert_eq!(post(&cluster.nodes[0], &[], "the last word").await.status, 201);
    cluster.nodes[0].terminate();
    assert_eq!(cluster.nodes[0].exit().await.code(), Some(0));
    assert!(collector.spans().iter().any(|received| received.span.name == "post"));
}

/// With a collector that does not respond at `endpoint`, spans are lost and nothing else.
async fn goes_on_without(endpoint: String) {
    let plan = Cluster::of(2).set("telemetry.otlp_endpoint", endpoint);
    let mut cluster = plan.set("telemetry.trace_sample_ratio", 1).start().await;
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let (mut ada, mut bob) = (here.in_lobby().await, there.in_lobby().await);
    for n in 0..50 {
        ada.say(&n.to_string()).await;
    }
    assert_eq!(bob.messages(50).await.len(), 50);
    until_async("the failure is counted", async || {
        here.metric("chorus_trace_spans_total{outcome=\"failed\"}").await > 0.0
    })
    .await;
    until("it is logged", || here.log().contains("spans cannot be sent")).await;
    here.terminate();
    assert_eq!(cluster.nodes[0].exit().await.code(), Some(0), "the drain took no longer than it may");
    assert_eq!(cluster.nodes[0].log().matches("spans cannot be sent").count(), 1, "it is logged once");
}

#[tokio::test]
async fn a_collector_that_is_down_disturbs_nothing() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    goes_on_without(format!("http://127.0.0.1:{port}")).await;
}

#[tokio::test]
async fn a_collector_that_is_silent_disturbs_nothing() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    goes_on_without(format!("http://{}", silent.local_addr().unwrap())).await;
}

#[tokio::test]
async fn a_log_line_about_a_sampled_message_names_its_trace() {
    let collector = Collector::start().await;
    let plan = Cluster::of(1).without_redis().set("telemetry.otlp_endpoint", collector.endpoint());
    let cluster = plan.set("telemetry.log_filter", "warn,chorus=info").start().await;
    let node = &cluster.nodes[0];
    let mut other = rusqlite::Connection::open(cluster.file("chat.db")).unwrap();
    let writing = rusqlite::TransactionBehavior::Immediate;
    let held = other.transaction_with_behavior(writing).unwrap();
    let response = post(node, &[("traceparent", &traceparent(0xcd, "01"))], "not now").await;
    assert_eq!((response.status, response.code()), (503, "unavailable".to_owned()));
    drop(held);

    let is_about_it = |line: &Value| line["message"] == "messages were not stored";
    let about = || {
        let lines = node.log();
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).find(is_about_it)
    };
    until("the line is written", || about().is_some()).await;
    let line = about().unwrap();
    assert_eq!(line["span"]["trace_id"], "cd".repeat(16), "{line}");
    let sent = || collector.spans().into_iter().find(|received| received.span.name == "post");
    until("the span has come", || sent().is_some()).await;
    let span_id: String = sent().unwrap().span.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(line["span"]["span_id"], span_id, "{line}");
}
