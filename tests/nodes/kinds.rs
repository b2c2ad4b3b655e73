//! Edits, deletions and reactions: ordinary messages in the log, whose target must exist.

use serde_json::{Value, json};

use crate::common::{
    client::{Client, seqs},
    node::Cluster,
};

/// Amends a message of the lobby; returns the response's seq or error code.
async fn amend(client: &mut Client, nonce: &str, kind: &str, target: u64, text: &str) -> Value {
    let post = json!({ "room": "lobby", "nonce": nonce, "kind": kind, "of": target, "text": text });
    let response = client.ask("post", post).await;
    if response["ok"]["seq"].is_u64() {
        response["ok"]["seq"].clone()
    } else {
        response["error"]["code"].clone()
    }
}

/// Renders messages as `3 edit of 1: text`.
fn lines(messages: &Value) -> Vec<String> {
    let messages = messages.as_array().expect("an array of messages").iter();
    let line = |m: &Value| {
        let text = m["text"].as_str().unwrap();
        match m["of"].as_u64() {
            Some(of) => format!("{} {} of {of}: {text}", m["seq"], m["kind"].as_str().unwrap()),
            None => format!("{} {}: {text}", m["seq"], m["kind"].as_str().unwrap()),
        }
    };
    messages.map(line).collect()
}

#[tokio::test]
async fn what_amends_a_message_crosses_nodes_in_order_and_tutorial_clients_step_over_it() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut bob = cluster.nodes[1].in_lobby().await;
    let mut eve = cluster.nodes[1].tutorial().await;

    ada.say("one").await;
    ada.say("two").await;
    assert_eq!(amend(&mut ada, "e", "edit", 1, "uno").await, 3);
    assert_eq!(amend(&mut bob, "r", "react", 1, "\u{1f44d}").await, 4);
    assert_eq!(amend(&mut bob, "u", "unreact", 1, "\u{1f44d}").await, 5);
    assert_eq!(amend(&mut ada, "d", "delete", 2, "").await, 6);
    assert_eq!(amend(&mut ada, "e", "edit", 1, "uno").await, 3, "a retry is known");
    assert_eq!(amend(&mut ada, "e", "edit", 2, "uno").await, "nonce_conflict");
    bob.say("three").await;
    for client in [&mut ada, &mut bob] {
        assert_eq!(seqs(&client.messages(7).await), [1, 2, 3, 4, 5, 6, 7]);
    }
    assert_eq!(seqs(&eve.messages(3).await), [1, 2, 7]);

    let page = bob.ask("history", json!({ "room": "lobby", "before": 3 })).await;
    assert_eq!(lines(&page["ok"]["messages"]), ["1 text: one", "2 text: two"]);
    let amendments =
        ["3 edit of 1: uno", "4 react of 1: \u{1f44d}", "5 unreact of 1: \u{1f44d}", "6 delete of 2: "];
    assert_eq!(lines(&page["ok"]["amendments"]), amendments);
    let page = cluster.nodes[0].get("/api/rooms/lobby/messages?before=2&limit=1").await.json();
    assert_eq!(lines(&page["amendments"]), amendments[..3]);
    let all = cluster.nodes[0].get("/api/rooms/lobby/messages").await.json();
    assert_eq!(lines(&all["messages"])[2..6], amendments);
    assert_eq!(all["amendments"], json!([]), "they are in the page itself");
    let rooms = cluster.nodes[1].get("/api/rooms").await.json();
    assert_eq!((&rooms["rooms"][0]["head"], &rooms["rooms"][0]["last"]["seq"]), (&json!(7), &json!(7)));
}

#[tokio::test]
async fn one_amends_ordinary_messages_of_the_room_and_changes_only_ones_own() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let (mut ada, mut bob) = (node.in_lobby().await, node.in_lobby().await);
    ada.say("one").await;
    assert_eq!(amend(&mut ada, "r", "react", 1, "+1").await, 2);
    for (nonce, kind, of, text, code) in [
        ("1", "edit", 1, "mine now", "not_author"),
        ("2", "delete", 1, "", "not_author"),
        ("3", "react", 2, "+1", "no_such_message"),
        ("4", "react", 3, "+1", "no_such_message"),
        ("5", "react", u64::MAX, "+1", "no_such_message"),
        ("6", "react", 0, "+1", "bad_kind"),
        ("7", "text", 1, "hello", "bad_kind"),
        ("8", "shout", 1, "hello", "bad_kind"),
        ("9", "react", 1, "two words", "bad_text"),
        ("10", "edit", 1, "", "bad_text"),
    ] {
        assert_eq!(amend(&mut bob, nonce, kind, of, text).await, code, "{kind} {of} {text}");
    }
    let without_target = json!({ "room": "lobby", "nonce": "11", "kind": "react", "text": "+1" });
    assert_eq!(bob.ask("post", without_target).await["error"]["code"], "bad_kind");
    let elsewhere = json!({ "room": "den", "nonce": "12", "kind": "react", "of": 1, "text": "+1" });
    assert_eq!(bob.ask("post", elsewhere).await["error"]["code"], "no_such_message");
    bob.say("what was refused for good holds nothing up").await;
    assert_eq!(seqs(&bob.messages(3).await), [1, 2, 3]);
}

#[tokio::test]
async fn a_message_is_amended_by_what_is_sent_right_behind_it() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut asked = Vec::new();
    for (nonce, post) in [
        json!({ "text": "one" }),
        json!({ "kind": "edit", "of": 1, "text": "uno" }),
        json!({ "kind": "react", "of": 4, "text": "early" }),
        json!({ "kind": "react", "of": 1, "text": "+1" }),
        json!({ "text": "four" }),
        json!({ "kind": "react", "of": 4, "text": "+1" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut post = post;
        post["room"] = "lobby".into();
        post["nonce"] = nonce.to_string().into();
        asked.push(ada.emit("post", vec![post]).await.unwrap());
    }
    let mut responses = Vec::new();
    for number in asked {
        let response = ada.ack(number).await.remove(0);
        responses.push(response["ok"]["seq"].as_u64().ok_or(response["error"]["code"].clone()));
    }
    assert_eq!(responses, [Ok(1), Ok(2), Err("no_such_message".into()), Ok(3), Ok(4), Ok(5)]);
}

#[tokio::test]
async fn who_is_renamed_is_the_same_in_another_name_and_colour() {
    let cluster = Cluster::start(2).await;
    let mut ada = cluster.nodes[0].native(json!({ "name": "Ada", "color": 200 })).await;
    assert_eq!(ada.session["user"]["color"], 200);
    let id = ada.session["user"]["id"].clone();
    ada.say("one").await;
    let renamed = ada.ask("rename", json!({ "name": "Countess" })).await;
    assert_eq!(renamed["ok"]["user"], json!({ "id": id, "name": "Countess", "color": 200 }));
    ada.say("two").await;
    let blue = ada.ask("rename", json!({ "name": "Countess", "color": 240 })).await;
    ada.say("three").await;

    let mut again = cluster.nodes[1].native(json!({ "token": blue["ok"]["token"] })).await;
    assert_eq!(again.session["user"], json!({ "id": id, "name": "Countess", "color": 240 }));
    let page = again.ask("history", json!({ "room": "lobby" })).await;
    let authors: Vec<_> =
        page["ok"]["messages"].as_array().unwrap().iter().map(|m| m["author"].clone()).collect();
    assert_eq!(
        authors,
        [
            json!({ "id": id, "name": "Ada", "color": 200 }),
            json!({ "id": id, "name": "Countess", "color": 200 }),
            json!({ "id": id, "name": "Countess", "color": 240 }),
        ]
    );
    for (request, code) in [
        (json!({}), "bad_request"),
        (json!({ "name": "" }), "bad_name"),
        (json!({ "name": "Ada", "color": 360 }), "bad_color"),
    ] {
        assert_eq!(again.ask("rename", request.clone()).await["error"]["code"], code, "{request}");
    }
}
