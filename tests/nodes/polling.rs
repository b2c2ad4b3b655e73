//! Clients on the polling transport.

use serde_json::json;

use crate::common::{http::request, node::Cluster, polling::Polling, until_async};

#[tokio::test]
async fn a_polling_client_gets_a_long_history_and_then_what_is_new() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[1].native(json!({})).await;
    let mut numbers = Vec::new();
    for n in 1..=1_000 {
        numbers.push(ada.post(&n.to_string(), &n.to_string()).await.unwrap());
        // Stays below the limit of requests in flight.
        if n % 100 == 0 {
            ada.ack(n).await;
        }
    }
    let mut eve = Polling::open(cluster.nodes[0].addr(), r#"40{"serverOffset":0}"#).await;
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
    polling[1].send(r#"42/chat,1["join",{"room":"lobby"}]"#).await;
    let mut ada = node.native(json!({})).await;
    for n in 0..200 {
        ada.say(&n.to_string()).await;
    }
    let stalled = "chorus_sessions_ended_total{reason=\"stalled\"}";
    until_async("they are cut", async || node.metric(stalled).await == 2.0).await;
    until_async("their cursors are gone", async || node.metric("chorus_cursors").await == 0.0).await;
    for client in polling {
        let response = request(client.addr, "GET", &client.path, &[], "").await.unwrap();
        assert_eq!(response.status, 400, "the session would have a hole: {response:?}");
    }
}
