//! Joining and leaving rooms, reading history, and resuming at a position.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{
    client::{Client, heads, seqs, texts},
    node::{Cluster, Node},
    until_async,
};

/// A node whose lobby has this many messages.
async fn node_with(messages: usize) -> Cluster {
    let cluster = Cluster::of(1).without_redis().start().await;
    say(&cluster.nodes[0], messages).await;
    cluster
}

async fn say(node: &Node, messages: usize) {
    let mut ada = node.native(json!({})).await;
    for n in 1..=messages {
        ada.say(&format!("m{n}")).await;
    }
}

async fn back_at(node: &Node, epoch: &Value, seq: u64) -> Client {
    node.native(json!({ "rooms": { "lobby": { "epoch": epoch, "seq": seq } } })).await
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_then_what_is_new() {
    let cluster = node_with(30).await;
    let node = &cluster.nodes[0];
    let epoch = node.native(json!({})).await.session["epoch"].clone();

    let mut back = back_at(node, &epoch, 20).await;
    assert_eq!(
        back.session["rooms"]["lobby"],
        json!({ "head": 30, "epoch": epoch, "recovered": true }),
        "{}",
        back.session
    );
    back.say("new").await;
    assert_eq!(seqs(&back.messages(11).await), (21..=31).collect::<Vec<_>>());
    back.expect_silence(Duration::from_millis(50)).await;

    let mut level = back_at(node, &epoch, 31).await;
    assert_eq!(level.session["rooms"]["lobby"]["recovered"], true);
    level.expect_silence(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_place_in_another_log_or_beyond_the_head_is_not_recovered_and_the_newest_come() {
    let cluster = Cluster::of(1).without_redis().set("history.on_join", 5).start().await;
    let node = &cluster.nodes[0];
    say(node, 30).await;
    let epoch = node.native(json!({})).await.session["epoch"].clone();
    let another = json!("0123456789abcdef0123456789abcdef");

    for (epoch, seq) in [(&another, 20), (&epoch, 31), (&epoch, u64::MAX), (&another, 0)] {
        let mut back = back_at(node, epoch, seq).await;
        assert_eq!(back.session["rooms"]["lobby"]["recovered"], false, "{epoch} {seq}");
        assert_eq!(back.session["rooms"]["lobby"]["head"], 30);
        assert_eq!(seqs(&back.messages(5).await), [26, 27, 28, 29, 30]);

        let after = json!({ "epoch": epoch, "seq": seq });
        let joined = back.ask("join", json!({ "room": "lobby", "after": after, "history": 2 })).await;
        assert_eq!(joined["ok"]["recovered"], false, "{joined}");
        assert_eq!(seqs(&back.messages(2).await), [29, 30]);
    }
}

#[tokio::test]
async fn a_tutorial_client_gets_what_follows_its_offset_or_the_newest() {
    let cluster = Cluster::of(1).without_redis().set("history.on_join", 5).start().await;
    let node = &cluster.nodes[0];
    say(node, 30).await;
    let newest: Vec<u64> = (26..=30).collect();
    for (auth, expected) in [
        (json!({ "serverOffset": 27 }), vec![28, 29, 30]),
        (json!({ "serverOffset": "27" }), vec![28, 29, 30]),
        (json!({ "serverOffset": 0 }), (1..=30).collect()),
        (json!({ "serverOffset": 30 }), vec![]),
        (json!({}), newest.clone()),
        (json!({ "serverOffset": null }), newest.clone()),
        (json!({ "serverOffset": 31 }), newest.clone()),
    ] {
        let mut eve = node.tutorial_after(auth.clone()).await;
        assert_eq!(seqs(&eve.messages(expected.len()).await), expected, "{auth}");
        eve.expect_silence(Duration::from_millis(30)).await;
    }
    let mut eve = node.tutorial_after(json!({ "serverOffset": 31 })).await;
    assert_eq!(eve.next("notice").await.unwrap()[0]["code"], "incomplete_recovery");
}

#[tokio::test]
async fn the_whole_history_of_a_tutorial_client_may_be_limited() {
    let cluster = Cluster::of(1).without_redis().set("history.tutorial_max", 10).start().await;
    say(&cluster.nodes[0], 30).await;
    let mut eve = cluster.nodes[0].tutorial().await;
    assert_eq!(seqs(&eve.messages(10).await), (21..=30).collect::<Vec<_>>());
    eve.expect_silence(Duration::from_millis(30)).await;
}

#[tokio::test]
async fn a_join_brings_so_much_history_and_a_leave_ends_the_room() {
    let cluster = node_with(30).await;
    let node = &cluster.nodes[0];
    let mut bob = node.native(json!({})).await;
    for (history, expected) in [(3, vec![28, 29, 30]), (0, vec![]), (1_000, (1..=30).collect())] {
        let joined = bob.ask("join", json!({ "room": "lobby", "history": history })).await;
        assert_eq!(joined["ok"]["head"], 30);
        assert_eq!(joined["ok"]["recovered"], true);
        assert_eq!(seqs(&bob.messages(expected.len()).await), expected);
        assert_eq!(bob.ask("leave", json!({ "room": "lobby" })).await, json!({ "ok": {} }));
    }
    say(node, 1).await;
    bob.expect_silence(Duration::from_millis(400)).await;
    assert_eq!(
        bob.ask("leave", json!({ "room": "lobby" })).await,
        json!({ "ok": {} }),
        "a second leave changes nothing"
    );
}

#[tokio::test]
async fn a_room_that_its_last_member_left_is_forgotten_at_once() {
    let cluster = node_with(3).await;
    let node = &cluster.nodes[0];
    let mut bob = node.in_lobby().await;
    bob.messages(3).await;
    bob.ask("join", json!({ "room": "den" })).await;
    assert_eq!(node.metric("chorus_rooms").await, 2.0);
    bob.ask("leave", json!({ "room": "lobby" })).await;
    until_async("one room is left", async || node.metric("chorus_rooms").await == 1.0).await;
    bob.ask("leave", json!({ "room": "den" })).await;
    until_async("no room is left", async || node.metric("chorus_rooms").await == 0.0).await;
}

#[tokio::test]
async fn a_second_join_moves_the_cursor_and_repeats_nothing_by_itself() {
    let cluster = node_with(3).await;
    let mut bob = cluster.nodes[0].in_lobby().await;
    assert_eq!(seqs(&bob.messages(3).await), [1, 2, 3]);
    bob.ask("join", json!({ "room": "lobby", "history": 0 })).await;
    bob.say("four").await;
    assert_eq!(seqs(&bob.messages(1).await), [4]);
    bob.expect_silence(Duration::from_millis(50)).await;
    assert_eq!(cluster.nodes[0].metric("chorus_cursors").await, 1.0);
}

#[tokio::test]
async fn a_session_is_in_so_many_rooms_at_most() {
    let cluster = Cluster::of(1).without_redis().set("limits.rooms_per_session", 3).start().await;
    let node = &cluster.nodes[0];
    let mut ada = node.native(json!({})).await;
    for room in ["a", "b", "c", "a"] {
        assert!(ada.ask("join", json!({ "room": room })).await["ok"].is_object());
    }
    assert_eq!(ada.ask("join", json!({ "room": "d" })).await["error"]["code"], "too_many_rooms");
    ada.ask("leave", json!({ "room": "b" })).await;
    assert!(ada.ask("join", json!({ "room": "d" })).await["ok"].is_object());

    let position = json!({ "epoch": ada.session["epoch"], "seq": 0 });
    let auth = json!({ "rooms": { "a": position, "b": position, "c": position, "d": position } });
    let refused = Client::connect(node.addr(), "/chat", auth).await.err().expect("it is refused");
    assert!(refused["message"].as_str().unwrap().starts_with("too_many_rooms"), "{refused}");
}

#[tokio::test]
async fn rooms_are_apart_and_each_is_gapless() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].native(json!({})).await;
    let mut bob = cluster.nodes[1].native(json!({})).await;
    bob.ask("join", json!({ "room": "even" })).await;
    for n in 0..20 {
        let room = ["even", "odd"][n % 2];
        let post = json!({ "room": room, "nonce": n.to_string(), "text": n.to_string() });
        assert_eq!(ada.ask("post", post).await["ok"]["seq"], n / 2 + 1);
    }
    let shown = bob.messages(10).await;
    assert_eq!(texts(&shown), ["0", "2", "4", "6", "8", "10", "12", "14", "16", "18"]);
    assert_eq!(seqs(&shown), (1..=10).collect::<Vec<_>>());
    bob.expect_silence(Duration::from_millis(50)).await;
    let rooms = bob.ask("rooms", json!({})).await;
    assert_eq!(heads(&rooms["ok"]), ["even 10", "odd 10"]);
    let after = bob.ask("rooms", json!({ "after": "even" })).await;
    assert_eq!(heads(&after["ok"]), ["odd 10"]);
}

#[tokio::test]
async fn history_is_read_back_in_pages_to_its_beginning() {
    let cluster = node_with(25).await;
    let mut bob = cluster.nodes[0].native(json!({})).await;
    let (mut before, mut read) = (Value::Null, Vec::new());
    loop {
        let page = bob.ask("history", json!({ "room": "lobby", "before": before, "limit": 10 })).await;
        let messages = page["ok"]["messages"].as_array().unwrap_or_else(|| panic!("{page}"));
        let mut seqs: Vec<u64> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
        before = json!(seqs[0]);
        seqs.append(&mut read);
        read = seqs;
        if page["ok"]["more"] == false {
            break;
        }
    }
    assert_eq!(read, (1..=25).collect::<Vec<_>>());
    let nothing = bob.ask("history", json!({ "room": "lobby", "before": 1 })).await;
    assert_eq!(nothing["ok"], json!({ "messages": [], "more": false, "amendments": [] }));
    let unknown = bob.ask("history", json!({ "room": "nowhere" })).await;
    assert_eq!(unknown["ok"], json!({ "messages": [], "more": false, "amendments": [] }));
}

#[tokio::test]
async fn a_session_keeps_its_user_by_its_token_and_sees_its_own_nonces() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].native(json!({ "name": "Ada" })).await;
    assert_eq!(ada.session["user"]["name"], "Ada");
    let token = ada.session["token"].clone();
    let mut again = cluster.nodes[1].native(json!({ "token": token })).await;
    assert_eq!(again.session["user"], ada.session["user"]);
    assert_ne!(again.session["node"], ada.session["node"]);
    let mut bob = cluster.nodes[1].native(json!({ "name": "Bob" })).await;

    ada.say("hello").await;
    let page = again.ask("history", json!({ "room": "lobby" })).await;
    let message = page["ok"]["messages"][0].clone();
    assert_eq!(message["nonce"], "hello");
    assert_eq!(message["author"], ada.session["user"]);
    assert_eq!(message["kind"], "text");
    let page = bob.ask("history", json!({ "room": "lobby" })).await;
    assert_eq!(page["ok"]["messages"][0].get("nonce"), None);
}
