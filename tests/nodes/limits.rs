//! What is bounded: connections of any kind.

use std::time::Duration;

use tokio::time::timeout;

use crate::common::node::Cluster;

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
