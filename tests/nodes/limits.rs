//! Limits: the number of connections, and the memory that their clients can make a node use.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::common::{
    http::request,
    node::{Cluster, Node},
    polling::Polling,
    until_async, within,
};

#[tokio::test]
async fn sockets_count_as_connections_as_long_as_they_live() {
    let cluster = Cluster::of(1).without_redis().set("server.max_connections", 2).start().await;
    let node = &cluster.nodes[0];
    let ada = node.in_lobby().await;
    let mut eve = node.tutorial().await;
    let third = timeout(Duration::from_millis(300), node.get("/healthz")).await;
    assert!(third.is_err(), "it waits in the kernel's backlog: {third:?}");
    drop(ada);
    assert_eq!(node.get("/healthz").await.status, 200);
    eve.say("still there").await;
}

#[tokio::test]
async fn sessions_that_begin_by_polling_have_places_which_are_free_again_at_their_ends() {
    let cluster = Cluster::of(1).without_redis().set("server.max_connections", 3).start().await;
    let addr = cluster.nodes[0].addr();
    let begin = async || {
        let path = "/socket.io/?EIO=4&transport=polling";
        request(addr, "GET", path, &[], "").await.unwrap()
    };
    let first = Polling::open(addr, "40").await;
    for _ in 0..2 {
        assert_eq!(begin().await.status, 200);
    }
    let beyond = begin().await;
    assert_eq!(beyond.status, 503);
    assert!(beyond.head.contains("retry-after: 1"), "{beyond:?}");

    first.send("1").await;
    until_async("a connection is free again", async || begin().await.status == 200).await;
}

/// Sends events that ask for acks in one session that never polls for them. Returns by how many KiB the node grew.
async fn growth_kib(node: &Node, events: usize, event: impl Fn(usize) -> String) -> u64 {
    let session = Polling::open(node.addr(), "40/chat,").await;
    let before = node.rss_kib();
    for number in 0..events {
        session.send(&event(number)).await;
    }
    node.rss_kib().saturating_sub(before)
}

#[tokio::test]
async fn events_with_endless_names_cost_no_memory_while_they_wait() {
    let cluster = Cluster::of(1).without_redis().set("limits.stall_timeout", "10m").start().await;
    let name = "x".repeat(900_000);
    let grown = growth_kib(&cluster.nodes[0], 150, |n| format!(r#"42/chat,{n}["{name}",{{}}]"#)).await;
    assert!(grown < 32 * 1_024, "150 events of 900 kB cost {grown} KiB");
}

#[tokio::test]
async fn the_events_of_a_socket_that_wait_are_bounded_in_bytes_and_the_rest_is_refused() {
    let cluster = Cluster::of(1).without_redis().set("limits.stall_timeout", "10m").start().await;
    let node = &cluster.nodes[0];
    let filler = json!({ "filler": "x".repeat(50_000) });
    // At most 48 are answered before the sink is full. Of the others at most 4 MiB wait, in fewer than 256 queue slots.
    let grown = growth_kib(node, 400, |n| format!(r#"42/chat,{n}["nonsense",{filler}]"#)).await;
    assert!(grown < 12 * 1_024, "400 events of 50 kB cost {grown} KiB");
    let refused = r#"chorus_messages_refused_total{code="overloaded"}"#;
    let refused = node.metric(refused).await;
    assert!((200.0..=400.0).contains(&refused), "{refused} were refused");
}

/// The response to a request head with one header of `bytes` bytes, followed by `end`.
async fn response_to_head(node: &Node, bytes: usize, end: &str) -> String {
    let mut tcp = TcpStream::connect(node.addr()).await.unwrap();
    let head =
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}", "x".repeat(bytes));
    tcp.write_all(head.as_bytes()).await.unwrap();
    tcp.write_all(end.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    within("the connection is closed", tcp.read_to_end(&mut response)).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn a_head_is_refused_as_soon_as_it_is_too_long_and_a_body_may_be_longer() {
    let cluster = Cluster::of(1).without_redis().set("server.header_timeout", "10m").start().await;
    let node = &cluster.nodes[0];
    assert!(response_to_head(node, 24_000, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    assert!(response_to_head(node, 40_000, "").await.starts_with("HTTP/1.1 431"));

    let json = ("Content-Type", "application/json");
    let session = node.post("/api/sessions", &[json], "{}").await.json();
    let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
    let longest = format!(r#"{{"text":"{}"}}"#, "\\u0061".repeat(8_192));
    let posted = node.post("/api/rooms/lobby/messages", &[json, ("Authorization", &bearer)], &longest).await;
    assert_eq!(posted.status, 201, "{posted:?}");
}

#[tokio::test]
async fn a_body_that_never_comes_holds_its_connection_for_so_long() {
    let plan = Cluster::of(1).without_redis().set("server.body_timeout", "300ms");
    let cluster = plan.set("server.max_connections", 8).start().await;
    let node = &cluster.nodes[0];
    let session = Polling::open(node.addr(), "40/chat,").await;
    let paths =
        ["/api/sessions", "/api/rooms/lobby/messages", &*session.path, "/socket.io/?EIO=4&transport=polling"];
    for path in paths {
        let mut tcp = TcpStream::connect(node.addr()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
        );
        tcp.write_all(head.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        within("the connection is closed", tcp.read_to_end(&mut response)).await.unwrap();
        let response = String::from_utf8_lossy(&response);
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{path}: {response}");
    }
}

#[tokio::test]
async fn a_body_timeout_cuts_neither_a_long_poll_nor_a_websocket() {
    let cluster = Cluster::of(1).without_redis().set("server.body_timeout", "200ms").start().await;
    let node = &cluster.nodes[0];
    let mut bob = node.in_lobby().await;
    let mut eve = Polling::open(node.addr(), r#"40{"serverOffset":0}"#).await;
    let say = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.native(json!({})).await.say("after a while").await;
    };
    let (seqs, ()) = tokio::join!(eve.seqs(1), say);
    assert_eq!(seqs, [1]);
    bob.say("still there").await;
}
