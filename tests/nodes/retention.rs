//! Retention: no client misses a pruned message without being told.

use std::{fs::File, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::common::{
    client::{heads, seqs},
    node::{Cluster, Node},
    traffic::{Nodes, follow, post_end, post_while},
    until_async,
};

const LOBBY: &str = "/api/rooms/lobby/messages";

/// The seqs of a page of the lobby over HTTP, and its `more`.
async fn left(node: &Node, query: &str) -> (Vec<u64>, bool) {
    let page = node.get(&format!("{LOBBY}{query}")).await.json();
    let seqs = page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap());
    (seqs.collect(), page["more"].as_bool().unwrap())
}

async fn until_all_is_pruned(node: &Node) {
    until_async("all is pruned", async || left(node, "").await.0.is_empty()).await;
}

#[tokio::test]
async fn live_clients_see_all_that_is_said_while_the_beginning_goes() {
    let cluster = Cluster::of(2).without_redis().set("log.retention", "2s").start().await;
    let nodes = Nodes::new(cluster.addrs());
    let followers = (0..4).map(|number| follow(nodes.clone(), number, ["/", "/chat"][number / 2]));
    let traffic = async {
        for node in &cluster.nodes {
            until_async("all follow", async || node.metric("chorus_cursors").await == 2.0).await;
        }
        // Long enough that the janitor prunes meanwhile.
        let (begun, pause) = (Instant::now(), Duration::from_millis(5));
        let more = |_| begun.elapsed() < Duration::from_secs(6);
        let posted = post_while(nodes.clone(), 0, "m".to_owned(), pause, more).await;
        let first = left(&cluster.nodes[1], "?after=0&limit=1").await.0;
        assert!(first.first().is_none_or(|first| 1 < *first), "nothing was pruned: {first:?}");
        post_end(nodes.clone()).await;
        posted as u64
    };
    let (posted, followed) = tokio::join!(traffic, futures_util::future::join_all(followers));
    for followed in followed {
        let expected: Vec<_> = (1..=posted + 1).collect();
        assert_eq!(seqs(&followed.shown), expected);
        assert_eq!(followed.reconnects, 0);
    }
}

#[tokio::test]
async fn who_comes_back_below_the_cut_is_told_and_gets_what_is_left() {
    let cluster = Cluster::of(2).without_redis().set("log.retention", "3s").start().await;
    let node = &cluster.nodes[0];
    let mut ada = node.native(json!({})).await;
    let epoch = ada.session["epoch"].clone();
    let back_at = |seq: u64| json!({ "rooms": { "lobby": { "epoch": epoch, "seq": seq } } });
    for n in 1..=5 {
        ada.say(&format!("old {n}")).await;
    }
    sleep(Duration::from_millis(1_500)).await;
    for n in 6..=9 {
        ada.say(&format!("young {n}")).await;
    }
    until_async("the old ones are pruned", async || left(node, "?after=0&limit=1").await.0 != [1]).await;

    let mut bob = cluster.nodes[1].native(back_at(0)).await;
    let joined = &bob.session["rooms"]["lobby"];
    assert_eq!((&joined["recovered"], &joined["head"]), (&json!(false), &json!(9)));
    ada.say("end").await;
    let mut shown = seqs(&bob.messages(1).await);
    assert!(1 < shown[0], "{shown:?}");
    while shown.last() != Some(&10) {
        shown.extend(seqs(&bob.messages(1).await));
    }
    assert_eq!(shown, (shown[0]..=10).collect::<Vec<_>>());
    let (kept, more) = left(node, "?limit=200").await;
    assert!(!more && kept.first().is_none_or(|kept| shown[0] <= *kept), "nothing is before {kept:?}");

    until_all_is_pruned(node).await;
    for seq in [1, 8] {
        let back = node.native(back_at(seq)).await;
        let joined = &back.session["rooms"]["lobby"];
        assert_eq!((&joined["recovered"], &joined["head"]), (&json!(false), &json!(10)), "{seq}");
    }
    let level = node.native(back_at(10)).await;
    assert_eq!(level.session["rooms"]["lobby"]["recovered"], true);
    let mut eve = node.tutorial_after(json!({ "serverOffset": 1 })).await;
    assert_eq!(eve.next("notice").await.unwrap()[0]["code"], "incomplete_recovery");
    let page = ada.ask("history", json!({ "room": "lobby" })).await;
    assert_eq!(page["ok"], json!({ "messages": [], "more": false, "amendments": [] }));
    assert_eq!(heads(&node.get("/api/rooms").await.json()), ["lobby 10"]);

    // A retry of a pruned message is known, and the next message gets the next seq.
    let known = ada.try_say("old 2", "old 2").await.unwrap();
    assert_eq!(known[0]["ok"]["seq"], 2, "{known:?}");
    let next = ada.try_say("new", "new").await.unwrap();
    assert_eq!(next[0]["ok"]["seq"], 11, "{next:?}");
    assert_eq!(seqs(&eve.messages(1).await), [11]);
}

#[tokio::test]
async fn a_retry_of_a_reaction_is_known_though_its_message_was_pruned_meanwhile() {
    let cluster = Cluster::of(2).without_redis().set("log.retention", "2s").start().await;
    let react = |nonce: &str, text: &str| json!({ "room": "lobby", "nonce": nonce, "kind": "react", "of": 1, "text": text });
    let mut ada = cluster.nodes[0].native(json!({})).await;
    ada.say("old").await;
    let acked = ada.ask("post", react("r", "+1")).await;
    assert_eq!(acked["ok"]["seq"], 2, "{acked}");
    until_all_is_pruned(&cluster.nodes[1]).await;

    let mut again = cluster.nodes[1].native(json!({ "token": ada.session["token"] })).await;
    assert_eq!(again.ask("post", react("r", "+1")).await, acked);
    for (nonce, text, code) in [("r", "-1", "nonce_conflict"), ("new", "+1", "no_such_message")] {
        assert_eq!(again.ask("post", react(nonce, text)).await["error"]["code"], code, "{nonce} {text}");
    }
    assert_eq!(heads(&cluster.nodes[1].get("/api/rooms").await.json()), ["lobby 2"], "nothing was stored");
}

/// Freezes a node at a moment when it holds neither of the locks that the others need.
async fn freeze_outside_of_locks(cluster: &Cluster, node: &Node) {
    loop {
        node.freeze();
        node.frozen().await;
        let is_free = |name| File::open(cluster.file(name)).unwrap().try_lock().is_ok();
        if is_free("chat.db.lock") && is_free("chat.db.janitor") {
            return;
        }
        node.thaw();
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_was_pruned_while_a_node_stood_still_is_told_to_its_clients() {
    let cluster = Cluster::of(2).without_redis().set("log.retention", "100ms").start().await;
    let [node, frozen] = &cluster.nodes[..] else { unreachable!() };
    let (mut bob, mut eve) = (frozen.in_lobby().await, frozen.tutorial().await);
    eve.say("seen").await;
    assert_eq!((seqs(&bob.messages(1).await), seqs(&eve.messages(1).await)), (vec![1], vec![1]));
    freeze_outside_of_locks(&cluster, frozen).await;
    let mut ada = node.native(json!({})).await;
    for n in 2..=4 {
        ada.say(&format!("missed {n}")).await;
    }
    until_all_is_pruned(node).await;

    frozen.thaw();
    let notice: Value = json!({ "code": "history_pruned", "room": "lobby", "after": 1, "upto": 4 });
    for client in [&mut bob, &mut eve] {
        assert_eq!(client.next("notice").await.unwrap()[0], notice, "although nothing new was posted");
    }
    ada.say("new").await;
    assert_eq!((seqs(&bob.messages(1).await), seqs(&eve.messages(1).await)), (vec![5], vec![5]));
}
