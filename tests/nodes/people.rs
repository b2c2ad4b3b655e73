//! Presence on all nodes, also while nodes or Redis fail: who is in a room, who joins and leaves, who is typing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{
    client::Client,
    node::{Cluster, Node},
    until_async,
};

/// Connects a client of this name and joins the lobby.
async fn named(node: &Node, name: &str) -> Client {
    let mut client = node.native(json!({ "name": name })).await;
    client.ask("join", json!({ "room": "lobby" })).await;
    client
}

fn names(members: &Value) -> Vec<&str> {
    members.as_array().expect("an array").iter().map(|member| member["name"].as_str().unwrap()).collect()
}

/// Waits until `who` lists exactly these members of the lobby.
async fn sees(client: &mut Client, expected: &[&str], complete: bool) {
    let what = format!("{expected:?} are seen");
    until_async(&what, async || {
        let response = client.ask("who", json!({ "room": "lobby" })).await;
        let list = &response["ok"];
        let matches = names(&list["members"]) == expected && list["complete"] == complete;
        matches && list["count"].as_u64() == Some(expected.len() as u64)
    })
    .await;
}

/// Waits for a `presence` event that matches.
async fn presence(client: &mut Client, matches: impl Fn(&Value) -> bool) -> Value {
    loop {
        let event = client.next("presence").await.unwrap().remove(0);
        assert_eq!(event["room"], "lobby");
        if matches(&event) {
            return event;
        }
    }
}

fn joined(name: &str) -> impl Fn(&Value) -> bool {
    move |event| names(&event["joined"]).contains(&name)
}

#[tokio::test]
async fn people_of_all_nodes_are_seen_to_come_be_renamed_and_go() {
    let cluster = Cluster::start(2).await;
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let mut ada = named(here, "Ada").await;
    presence(&mut ada, joined("Ada")).await;
    let mut bob = named(there, "Bob").await;
    assert_eq!(presence(&mut ada, joined("Bob")).await["count"], 2);
    let again = there.native(json!({ "token": bob.session["token"], "rooms": {} })).await;
    for client in [&mut ada, &mut bob] {
        sees(client, &["Ada", "Bob"], true).await;
    }
    let mut eve = there.native(json!({ "name": "Eve" })).await;
    sees(&mut eve, &["Ada", "Bob"], true).await;
    let elsewhere = eve.ask("who", json!({ "room": "nowhere" })).await;
    assert_eq!(elsewhere["ok"], json!({ "members": [], "count": 0, "complete": true }));
    let nobody = there.tutorial().await;

    bob.ask("rename", json!({ "name": "Robert", "color": 7 })).await;
    let event = presence(&mut ada, joined("Robert")).await;
    let id = bob.session["user"]["id"].clone();
    assert_eq!(event["joined"], json!([{ "id": id, "name": "Robert", "color": 7 }]));
    assert_eq!((&event["left"], &event["count"]), (&json!([]), &json!(2)));
    sees(&mut bob, &["Ada", "Robert"], true).await;

    bob.ask("leave", json!({ "room": "lobby" })).await;
    let event = presence(&mut ada, |event| event["left"] != json!([])).await;
    assert_eq!(event, json!({ "room": "lobby", "joined": [], "left": [id], "count": 1 }));
    drop((again, nobody));
}

#[tokio::test]
async fn who_moves_to_another_node_is_not_said_to_have_left() {
    let cluster = Cluster::start(2).await;
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let mut ada = named(here, "Ada").await;
    let bob = named(there, "Bob").await;
    presence(&mut ada, joined("Bob")).await;
    let token = bob.session["token"].clone();
    drop(bob);
    let mut bob = here.native(json!({ "token": token })).await;
    bob.ask("join", json!({ "room": "lobby" })).await;
    // Eve's arrival is announced, and before it no departure of Bob.
    let mut eve = named(there, "Eve").await;
    loop {
        let event = ada.next("presence").await.unwrap().remove(0);
        assert_eq!(event["left"], json!([]));
        if names(&event["joined"]).contains(&"Eve") {
            break;
        }
    }
    sees(&mut eve, &["Ada", "Bob", "Eve"], true).await;
}

#[tokio::test]
async fn the_people_of_a_killed_node_are_gone_within_15_seconds() {
    let mut cluster = Cluster::start(2).await;
    let mut ada = named(&cluster.nodes[0], "Ada").await;
    let _bob = named(&cluster.nodes[1], "Bob").await;
    presence(&mut ada, joined("Bob")).await;
    let nodes = ada.ask("nodes", json!({})).await;
    assert_eq!(nodes["ok"]["node"], ada.session["node"]);
    until_async("both nodes are known", async || {
        let nodes = ada.ask("nodes", json!({})).await;
        nodes["ok"]["nodes"].as_array().unwrap().len() == 2
    })
    .await;
    let nodes = ada.ask("nodes", json!({})).await;
    for node in nodes["ok"]["nodes"].as_array().unwrap() {
        assert!(1_700_000_000_000 < node["since"].as_u64().unwrap(), "{node}");
    }

    cluster.nodes[1].kill();
    let killed = Instant::now();
    let event = presence(&mut ada, |event| event["left"] != json!([])).await;
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    assert_eq!(event["count"], 1);
    sees(&mut ada, &["Ada"], true).await;
    let nodes = ada.ask("nodes", json!({})).await;
    assert_eq!(nodes["ok"]["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_types_is_told_to_the_others_in_the_room_on_all_nodes() {
    let cluster = Cluster::start(2).await;
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let mut ada = named(here, "Ada").await;
    let mut bob = named(there, "Bob").await;
    presence(&mut ada, joined("Bob")).await;
    let mut own = there.native(json!({ "token": ada.session["token"] })).await;
    own.ask("join", json!({ "room": "lobby" })).await;
    let mut eve = here.native(json!({ "name": "Eve" })).await;

    assert_eq!(eve.ask("typing", json!({ "room": "lobby" })).await, json!({ "ok": {} }), "from outside");
    for _ in 0..5 {
        assert_eq!(ada.ask("typing", json!({ "room": "lobby" })).await, json!({ "ok": {} }));
    }
    let event = bob.next("typing").await.unwrap();
    let user = &ada.session["user"];
    assert_eq!(event, [json!({ "room": "lobby", "user": { "id": user["id"], "name": user["name"] } })]);
    // Bob types after everything that could have reached Ada's own sessions: this is their first typing event.
    bob.ask("typing", json!({ "room": "lobby" })).await;
    for client in [&mut ada, &mut own] {
        assert_eq!(client.next("typing").await.unwrap()[0]["user"]["name"], "Bob");
    }
}

#[tokio::test]
async fn without_redis_a_node_tells_its_own_and_all_come_back_with_it() {
    let mut cluster = Cluster::start(2).await;
    let mut ada = named(&cluster.nodes[0], "Ada").await;
    let mut bob = named(&cluster.nodes[1], "Bob").await;
    sees(&mut ada, &["Ada", "Bob"], true).await;

    let mut redis = cluster.redis.client().await;
    redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();
    cluster.redis.kill();
    sees(&mut ada, &["Ada"], false).await;
    // Messages still reach the other node.
    ada.say("hello").await;
    assert_eq!(bob.messages(1).await[0].text, "hello");

    cluster.redis.start().await;
    for client in [&mut ada, &mut bob] {
        sees(client, &["Ada", "Bob"], true).await;
    }
}

#[tokio::test]
async fn a_node_without_redis_knows_all_its_people() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let mut ada = named(&cluster.nodes[0], "Ada").await;
    let mut bob = named(&cluster.nodes[0], "Bob").await;
    presence(&mut ada, joined("Bob")).await;
    sees(&mut bob, &["Ada", "Bob"], true).await;
    let nodes = bob.ask("nodes", json!({})).await;
    assert_eq!(nodes["ok"]["nodes"][0]["sessions"], 2);
    bob.ask("typing", json!({ "room": "lobby" })).await;
    assert_eq!(ada.next("typing").await.unwrap()[0]["user"]["name"], "Bob");
}
