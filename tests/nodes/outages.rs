//! Redis only carries hints: without it, messages still reach the other nodes within a second.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::common::{
    client::{Client, texts},
    node::{Cluster, Node},
    until_async,
};

/// The guarantee: a message whose hint was lost is at most this late.
const SWEEP: Duration = Duration::from_secs(1);

/// Posts on one node, waits until the other shows it, and returns how long that took.
async fn cross(from: &mut Client, to: &mut Client, text: &str) -> Duration {
    let started = Instant::now();
    from.say(text).await;
    assert_eq!(texts(&to.messages(1).await), [text]);
    started.elapsed()
}

async fn until_ready_is(node: &Node, word: &str) {
    until_async(&format!("the node is {word}"), async || {
        let ready = node.get("/readyz").await;
        assert_eq!(ready.status, 200, "a bus that is down does not fail readiness: {}", ready.body);
        ready.json()["status"] == word
    })
    .await;
}

#[tokio::test]
async fn messages_cross_within_a_second_where_redis_never_was() {
    let cluster = Cluster::of(2).with_redis_down().start().await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut bob = cluster.nodes[1].in_lobby().await;
    for n in 0..10 {
        let took = cross(&mut ada, &mut bob, &n.to_string()).await;
        assert!(took < SWEEP, "{took:?}");
    }
    bob.expect_silence(Duration::from_millis(50)).await;
    for node in &cluster.nodes {
        until_ready_is(node, "degraded").await;
        assert_eq!(node.get("/readyz").await.json()["bus"], json!({ "up": false }));
        assert_eq!(node.metric("chorus_bus_up").await, 0.0);
    }
    assert!(0.0 < cluster.nodes[1].metric("chorus_sweep_hits_total").await);
}

#[tokio::test]
async fn messages_cross_where_no_redis_is_set_and_the_node_is_ready() {
    let cluster = Cluster::of(2).without_redis().start().await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut eve = cluster.nodes[1].tutorial().await;
    for n in 0..4 {
        let took = cross(&mut ada, &mut eve, &n.to_string()).await;
        assert!(took < SWEEP, "{took:?}");
    }
    until_ready_is(&cluster.nodes[0], "ready").await;
}

#[tokio::test]
async fn redis_may_die_be_silent_and_come_back_and_nothing_is_lost() {
    let mut cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut bob = cluster.nodes[1].in_lobby().await;
    until_ready_is(&cluster.nodes[0], "ready").await;
    cross(&mut ada, &mut bob, "up").await;

    cluster.redis.kill();
    for n in 0..4 {
        let took = cross(&mut ada, &mut bob, &format!("killed {n}")).await;
        assert!(took < SWEEP, "{took:?}");
    }
    until_ready_is(&cluster.nodes[0], "degraded").await;

    cluster.redis.start().await;
    until_ready_is(&cluster.nodes[0], "ready").await;
    until_ready_is(&cluster.nodes[1], "ready").await;
    cross(&mut ada, &mut bob, "up again").await;

    cluster.redis.freeze();
    for n in 0..4 {
        let took = cross(&mut ada, &mut bob, &format!("silent {n}")).await;
        assert!(took < SWEEP, "{took:?}");
    }
    cluster.redis.thaw();
    cross(&mut ada, &mut bob, "heard again").await;
    bob.expect_silence(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn hints_flow_once_redis_starts_late() {
    // The sweep is rare enough that hints arrive first.
    let mut cluster = Cluster::of(2).with_redis_down().set("log.sweep_interval", "500ms").start().await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut bob = cluster.nodes[1].in_lobby().await;
    cross(&mut ada, &mut bob, "down").await;
    cluster.redis.start().await;
    for node in &cluster.nodes {
        until_ready_is(node, "ready").await;
    }
    let received = cluster.nodes[1].metric("chorus_bus_received_total").await;
    for n in 0..4 {
        cross(&mut ada, &mut bob, &format!("up {n}")).await;
    }
    until_async("hints are received", async || {
        received < cluster.nodes[1].metric("chorus_bus_received_total").await
    })
    .await;
}
