//! Search finds messages by their words, on every node, at once, and with their current text.

use serde_json::json;

use crate::common::{
    client::Client,
    node::{Cluster, Node},
    until_async,
};

/// A node's search results in the lobby, as `2:text`, with `…` if there are more.
async fn find(node: &Node, query: &str) -> String {
    let page = node.get(&format!("/api/rooms/lobby/search?{query}")).await.json();
    let line = |m: &serde_json::Value| format!("{}:{}", m["seq"], m["text"].as_str().unwrap());
    let mut lines: Vec<_> = page["messages"].as_array().expect("messages").iter().map(line).collect();
    assert_eq!(page["epoch"].as_str().unwrap().len(), 32);
    if page["more"] == true {
        lines.push("…".to_owned());
    }
    lines.join(" ")
}

async fn amend(client: &mut Client, kind: &str, target: u64, text: &str) {
    let nonce = format!("{kind} {target} {text}");
    let post = json!({ "room": "lobby", "nonce": nonce, "kind": kind, "of": target, "text": text });
    assert!(client.ask("post", post).await["ok"]["seq"].is_u64());
}

#[tokio::test]
async fn what_is_said_on_one_node_is_found_on_another_before_and_after_it_is_indexed() {
    let cluster = Cluster::start(2).await;
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let mut ada = here.in_lobby().await;
    for text in ["Hello world", "wörld of words", "a word, then", "to be deleted, word for word"] {
        ada.say(text).await;
    }
    amend(&mut ada, "edit", 3, "another word").await;
    amend(&mut ada, "delete", 4, "").await;
    amend(&mut ada, "react", 1, "word").await;
    let check = async || {
        assert_eq!(find(there, "q=wor").await, "3:another word 2:wörld of words 1:Hello world");
        assert_eq!(find(there, "q=WORLD").await, "2:wörld of words 1:Hello world");
        assert_eq!(find(there, "q=w%C3%B6rld+hello").await, "1:Hello world");
        assert_eq!(find(there, "q=then").await, "");
        assert_eq!(find(there, "q=deleted").await, "");
        assert_eq!(find(there, "q=wor&limit=2").await, "3:another word 2:wörld of words …");
        assert_eq!(find(there, "q=wor&limit=2&before=2").await, "1:Hello world");
    };
    check().await;
    until_async("the janitor has indexed all", async || {
        let log = rusqlite::Connection::open(cluster.file("chat.db")).unwrap();
        let mark =
            log.query_row("SELECT value FROM meta WHERE key = 'search'", [], |row| row.get::<_, i64>(0));
        mark.is_ok_and(|mark| mark == 7)
    })
    .await;
    check().await;
    ada.say("the last word").await;
    assert_eq!(find(there, "q=last").await, "8:the last word");
}

#[tokio::test]
async fn a_query_without_a_word_is_refused() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let long = "x".repeat(257);
    for (path, status, code) in [
        ("lobby/search", 400, "bad_query"),
        ("lobby/search?q=", 400, "bad_query"),
        ("lobby/search?q=%21%3F", 400, "bad_query"),
        (&format!("lobby/search?q={long}"), 400, "bad_query"),
        ("lobby/search?q=x&before=-1", 400, "bad_request"),
        ("a%20b/search?q=x", 400, "bad_room"),
    ] {
        let response = node.get(&format!("/api/rooms/{path}")).await;
        assert_eq!((response.status, response.code()), (status, code.to_owned()), "{path}");
    }
    assert_eq!(find(node, "q=x").await, "");
}
