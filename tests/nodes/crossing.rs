//! Messages posted on one node are shown on the others once and in order, even if the node dies.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::common::{
    client::{seqs, texts},
    node::Cluster,
    traffic::{END, Nodes, follow, post_end, post_while},
    until_async,
};

#[tokio::test]
async fn a_post_reaches_another_node_once_and_in_order() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut bob = cluster.nodes[1].in_lobby().await;
    let mut eve = cluster.nodes[0].tutorial().await;
    let mut joe = cluster.nodes[1].tutorial().await;

    let mut posted = Vec::new();
    for n in 0..20 {
        for (name, client) in [("ada", &mut ada), ("bob", &mut bob), ("eve", &mut eve), ("joe", &mut joe)] {
            let text = format!("{name} {n}");
            client.say(&text).await;
            posted.push(text);
        }
    }
    for client in [&mut ada, &mut bob, &mut eve, &mut joe] {
        let shown = client.messages(posted.len()).await;
        assert_eq!(texts(&shown), posted);
        assert_eq!(seqs(&shown), (1..=80).collect::<Vec<_>>());
        client.expect_silence(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_retry_on_another_node_is_acked_with_the_same_place_and_shown_once() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let token = ada.session["token"].clone();
    let mut again = cluster.nodes[1].native(json!({ "token": token })).await;
    let mut eve = cluster.nodes[1].tutorial().await;

    let first = ada.try_say("hello", "n1").await.unwrap();
    assert_eq!(again.try_say("hello", "n1").await.unwrap(), first);
    let other = again.try_say("another text", "n1").await.unwrap();
    assert_eq!(other[0]["error"]["code"], "nonce_conflict");

    let once = eve.try_say("from a page", "undefined-0").await.unwrap();
    let mut joe = cluster.nodes[0].tutorial().await;
    assert_eq!(joe.try_say("from a page", "undefined-0").await.unwrap(), once);
    assert!(joe.try_say("from another page", "undefined-0").await.unwrap().is_empty());

    for client in [&mut ada, &mut eve, &mut joe] {
        assert_eq!(texts(&client.messages(3).await), ["hello", "from a page", "from another page"]);
        client.expect_silence(Duration::from_millis(50)).await;
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_message_whose_node_dies_between_commit_and_publish_is_shown_by_the_others_within_a_second() {
    let mut cluster = Cluster::start(2).await;
    cluster.add_node_with(&[("CHORUS_FAILPOINT", "abort_after_commit")]).await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut eve = cluster.nodes[1].tutorial().await;
    let mut sender = cluster.nodes[2].native(json!({})).await;
    let token = sender.session["token"].clone();

    let posted = std::time::Instant::now();
    sender.post("abort_after_commit", "n1").await.unwrap();
    for client in [&mut ada, &mut eve] {
        assert_eq!(texts(&client.messages(1).await), ["abort_after_commit"]);
    }
    assert!(posted.elapsed() < Duration::from_secs(1), "{:?}", posted.elapsed());
    assert!(!cluster.nodes[2].exit().await.success());
    assert!(sender.try_message().await.is_err(), "the ack died with the node");

    let mut sender = cluster.nodes[0].native(json!({ "token": token })).await;
    let acked = sender.try_say("abort_after_commit", "n1").await.unwrap();
    assert_eq!(acked[0]["ok"]["seq"], 1);
    for client in [&mut ada, &mut eve] {
        client.expect_silence(Duration::from_millis(600)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_node_that_is_killed_under_traffic_move_and_miss_nothing() {
    let mut cluster = Cluster::start(2).await;
    let nodes = Nodes::new(cluster.addrs());
    let spaces = ["/chat", "/"];
    let followers = join_all((0..12).map(|n| follow(nodes.clone(), n % 2, spaces[n / 2 % 2])));
    let posters = join_all((0..4).map(|n| {
        post_while(nodes.clone(), n, format!("p{n}"), Duration::from_millis(5), |count| count < 60)
    }));
    let kill = async {
        for node in &cluster.nodes {
            until_async("six are on the node", async || node.metric("chorus_cursors").await == 6.0).await;
        }
        nodes.remove(cluster.nodes[0].addr());
        cluster.nodes[0].kill();
    };
    let traffic = async {
        tokio::join!(posters, kill);
        post_end(nodes.clone()).await;
    };
    let (followed, ()) = tokio::join!(followers, traffic);

    let sequence = &followed[0].shown;
    assert_eq!(sequence.len(), 4 * 60 + 1, "each is stored once");
    assert_eq!(sequence.last().unwrap().text, END);
    for follower in &followed {
        assert_eq!(seqs(&follower.shown), (1..=241).collect::<Vec<_>>());
        assert_eq!(&follower.shown, sequence);
    }
    assert_eq!(followed.iter().map(|follower| follower.reconnects).sum::<usize>(), 6);
    for poster in 0..4 {
        let own = format!("p{poster}-");
        let order: Vec<_> = texts(sequence).into_iter().filter(|text| text.starts_with(&own)).collect();
        assert_eq!(order, (0..60).map(|n| format!("{own}{n}")).collect::<Vec<_>>());
    }
}
