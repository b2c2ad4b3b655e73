//! Bad input is refused, ignored or ends the connection, as the protocol says, and affects nobody else.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use self::Outcome::{Closed, Ignored, Refused};
use crate::common::{
    client::{Client, Gone, heads, seqs, texts},
    http::request,
    node::{Cluster, Node},
    polling::Polling,
    until_async,
};

/// The expected outcome of a bad packet.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// Ack 1 carries this error code.
    Refused(&'static str),
    /// No response; the socket still works.
    Ignored,
    /// The connection is closed.
    Closed,
}

fn text(packet: impl Into<String>) -> Vec<Message> {
    vec![Message::text(packet.into())]
}

/// A request on `/chat`.
fn native(event: &str, request: &Value) -> Vec<Message> {
    text(format!(r#"42/chat,1["{event}",{request}]"#))
}

/// A valid `post` with some fields replaced.
fn post(fields: &Value) -> Vec<Message> {
    let mut request = json!({ "room": "lobby", "nonce": "n", "text": "x" });
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    native("post", &request)
}

/// A `chat message` on `/`.
fn chat_message(args: &Value) -> Vec<Message> {
    let mut args = args.as_array().unwrap().clone();
    args.insert(0, "chat message".into());
    text(format!("421{}", Value::Array(args)))
}

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn bad_on_chat() -> Vec<(Vec<Message>, Outcome)> {
    let join_after =
        |epoch: &Value, seq: &Value| json!({ "room": "r", "after": { "epoch": epoch, "seq": seq } });
    let epoch = json!("0".repeat(32));
    vec![
        (native("nonsense", &json!({})), Refused("unknown_event")),
        (native("", &json!({})), Refused("unknown_event")),
        (native("message", &json!({})), Refused("unknown_event")),
        (native(&long(33), &json!({})), Refused("unknown_event")),
        (native(&long(50_000), &json!({})), Refused("unknown_event")),
        (native("typing", &json!({})), Refused("bad_request")),
        (native("who", &json!({ "room": "a b" })), Refused("bad_room")),
        (text(r#"42/chat,["nonsense",{}]"#), Ignored),
        (text(r#"42/chat,["post",7]"#), Ignored),
        (text(r#"42/chat,1["post"]"#), Refused("bad_request")),
        (text(r#"42/chat,1["post",{},{}]"#), Refused("bad_request")),
        (native("post", &json!(null)), Refused("bad_request")),
        (native("post", &json!("text")), Refused("bad_request")),
        (native("post", &json!(7)), Refused("bad_request")),
        (native("post", &json!([])), Refused("bad_request")),
        (native("post", &json!(["lobby", null, null, "n", "x", null, null])), Refused("bad_request")),
        (native("post", &json!({})), Refused("bad_request")),
        (post(&json!({ "room": null })), Refused("bad_request")),
        (post(&json!({ "room": 7 })), Refused("bad_request")),
        (post(&json!({ "room": {} })), Refused("bad_request")),
        (post(&json!({ "room": "" })), Refused("bad_room")),
        (post(&json!({ "room": "a b" })), Refused("bad_room")),
        (post(&json!({ "room": "../a" })), Refused("bad_room")),
        (post(&json!({ "room": "ä" })), Refused("bad_room")),
        (post(&json!({ "room": long(65) })), Refused("bad_room")),
        (post(&json!({ "nonce": null })), Refused("bad_request")),
        (post(&json!({ "nonce": 7 })), Refused("bad_request")),
        (post(&json!({ "nonce": "" })), Refused("bad_nonce")),
        (post(&json!({ "nonce": "a\u{0}" })), Refused("bad_nonce")),
        (post(&json!({ "nonce": long(129) })), Refused("bad_nonce")),
        (post(&json!({ "text": null })), Refused("bad_request")),
        (post(&json!({ "text": ["x"] })), Refused("bad_request")),
        (post(&json!({ "text": "" })), Refused("bad_text")),
        (post(&json!({ "text": "bell \u{7}" })), Refused("bad_text")),
        (post(&json!({ "text": "c1 \u{85}" })), Refused("bad_text")),
        (post(&json!({ "text": long(8_193) })), Refused("bad_text")),
        (post(&json!({ "text": "ä".repeat(4_097) })), Refused("bad_text")),
        (post(&json!({ "text": { "_placeholder": true, "num": 0 } })), Refused("bad_request")),
        (native("join", &json!({})), Refused("bad_request")),
        (native("join", &json!({ "room": "a/b" })), Refused("bad_room")),
        (native("join", &json!({ "room": "r", "after": 7 })), Refused("bad_request")),
        (native("join", &json!({ "room": "r", "after": {} })), Refused("bad_request")),
        (native("join", &join_after(&json!("x"), &json!(1))), Refused("bad_epoch")),
        (native("join", &join_after(&json!(7), &json!(1))), Refused("bad_request")),
        (native("join", &join_after(&epoch, &json!(-1))), Refused("bad_request")),
        (native("join", &join_after(&epoch, &json!(1.5))), Refused("bad_request")),
        (native("join", &join_after(&epoch, &json!("1"))), Refused("bad_request")),
        (native("join", &json!({ "room": "r", "history": -1 })), Refused("bad_request")),
        (native("join", &json!({ "room": "r", "history": "all" })), Refused("bad_request")),
        (native("leave", &json!({ "room": [] })), Refused("bad_request")),
        (native("history", &json!({ "room": "lobby", "before": -1 })), Refused("bad_request")),
        (native("history", &json!({ "room": "lobby", "limit": 1.5 })), Refused("bad_request")),
        (native("rooms", &json!({ "after": "a b" })), Refused("bad_room")),
        (native("rooms", &json!({ "limit": {} })), Refused("bad_request")),
        // An ack of an event that was never sent.
        (text("43/chat,7[]"), Ignored),
    ]
}

fn bad_on_root() -> Vec<(Vec<Message>, Outcome)> {
    vec![
        (text(r#"421["nonsense",{}]"#), Ignored),
        (text(r#"42["nonsense"]"#), Ignored),
        (text(format!(r#"421["{}","x","o"]"#, long(50_000))), Ignored),
        (text(r#"42["chat message",7]"#), Ignored),
        (chat_message(&json!([])), Refused("bad_text")),
        (chat_message(&json!([null])), Refused("bad_text")),
        (chat_message(&json!([7, "o"])), Refused("bad_text")),
        (chat_message(&json!([{}, "o"])), Refused("bad_text")),
        (chat_message(&json!([["x"], "o"])), Refused("bad_text")),
        (chat_message(&json!(["", "o"])), Refused("bad_text")),
        (chat_message(&json!(["bell \u{7}", "o"])), Refused("bad_text")),
        (chat_message(&json!([long(8_193), "o"])), Refused("bad_text")),
        (chat_message(&json!([{ "_placeholder": true, "num": 0 }, "o"])), Refused("bad_text")),
        (chat_message(&json!(["x", long(129)])), Refused("bad_nonce")),
        (text("437[]"), Ignored),
    ]
}

/// Packets that break the protocol below the level of events; `p` is the namespace's prefix in a packet.
fn malformed(p: &str) -> Vec<(Vec<Message>, Outcome)> {
    let binary = |packet: String| vec![Message::text(packet), Message::binary(vec![1, 2, 3])];
    let (ignored, code) =
        if p.is_empty() { (Ignored, "bad_text") } else { (Refused("bad_request"), "unknown_event") };
    vec![
        (text(format!(r#"42{p}1["post""#)), Closed),
        (text(format!("42{p}1")), Closed),
        (text(format!("42{p}1{{}}")), Closed),
        (text(format!("42{p}1[]")), Closed),
        (text(format!("42{p}1[7]")), Closed),
        (text("4"), Closed),
        (text("49"), Closed),
        (text("4z"), Closed),
        (text(""), Closed),
        (text("9"), Closed),
        (text("zzz"), Closed),
        (text("0{}"), Closed),
        (text(format!("43{p}18446744073709551615[]")), Closed),
        (text(format!(r#"42{p}99999999999999999999["post",{{}}]"#)), Ignored),
        (text(r#"42/nowhere,1["post",{}]"#), Ignored),
        (vec![Message::binary(vec![1, 2, 3])], Closed),
        (vec![Message::binary(vec![])], Closed),
        (binary(format!(r#"451-{p}1["post",{{"_placeholder":true,"num":0}}]"#)), ignored),
        (binary(format!(r#"451-{p}1["chat message",{{"_placeholder":true,"num":0}},"o"]"#)), Refused(code)),
        (text(format!(r#"4599999999-{p}1["post",{{"_placeholder":true,"num":0}}]"#)), Closed),
        (text(format!(r#"42{p}1["post","{}"]"#, long(100_000))), Closed),
        (
            text(format!(r#"42{p}1["chat message",{}1{}]"#, "[".repeat(10_000), "]".repeat(10_000))),
            Refused(code),
        ),
    ]
}

/// Sends the frames on a socket of their own and checks the outcome.
async fn expect(node: &Node, namespace: &'static str, frames: &[Message], outcome: Outcome) {
    let what = format!("{namespace} {:.150?}", frames[0]);
    let mut client = Client::connect(node.addr(), namespace, json!({})).await.expect("it is let in");
    for frame in frames {
        client.send_frame(frame.clone()).await.unwrap();
    }
    match outcome {
        Refused(code) => assert_eq!(client.ack(1).await[0]["error"]["code"], code, "{what}"),
        Ignored => {
            // A response to the packet would come before this one's.
            let number = client.post("", "works").await.unwrap();
            let response = client.try_ack(number).await.unwrap_or_else(|Gone| panic!("{what}: it is closed"));
            assert_eq!(response[0]["error"]["code"], "bad_text", "{what}");
        }
        Closed => client.closed(&what).await,
    }
}

/// Sends one packet over polling and checks the outcome.
async fn expect_polling(node: &Node, namespace: &'static str, packet: &str, outcome: Outcome) {
    let what = format!("{namespace} {packet:.150}");
    let prefix = if namespace == "/" { "" } else { "/chat," };
    let mut session = Polling::open(node.addr(), &format!("40{prefix}")).await;
    session.send(packet).await;
    let (number, code) = match outcome {
        Refused(code) => (1, code),
        Ignored => {
            // A response to the packet would come before this one's.
            let event = if namespace == "/" {
                r#""chat message","""#
            } else {
                r#""post",{"room":"r","nonce":"n","text":""}"#
            };
            session.send(&format!("42{prefix}9[{event}]")).await;
            (9, "bad_text")
        }
        Closed => unreachable!("such rows are for websockets"),
    };
    let response = session.ack(prefix).await;
    assert_eq!((response.0, response.1[0]["error"]["code"].as_str()), (number, Some(code)), "{what}");
    session.send("1").await;
}

/// Runs all cases on one node and checks that it still works afterwards.
async fn expect_all(namespace: &'static str, rows: Vec<(Vec<Message>, Outcome)>) {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let (mut ada, mut eve) = (node.in_lobby().await, node.tutorial().await);
    ada.say("before").await;
    for (frames, outcome) in &rows {
        expect(node, namespace, frames, *outcome).await;
    }
    for (frames, outcome) in &rows {
        // Some malformed packets exist on one transport only.
        if let ([Message::Text(packet)], Refused(_) | Ignored) = (&frames[..], outcome) {
            expect_polling(node, namespace, packet, *outcome).await;
        }
    }
    let rooms = node.get("/api/rooms").await.json();
    assert_eq!(heads(&rooms), ["lobby 1"], "nothing was stored");
    eve.say("after").await;
    for client in [&mut ada, &mut eve] {
        assert_eq!(texts(&client.messages(2).await), ["before", "after"]);
    }
    until_async("the sockets are gone", async || node.metric("chorus_connections").await == 2.0).await;
    assert!(!node.log().contains("panicked"), "{}", node.log());
}

#[tokio::test]
async fn bad_events_of_the_native_protocol_are_refused_with_a_code() {
    expect_all("/chat", bad_on_chat()).await;
}

#[tokio::test]
async fn bad_events_of_the_tutorial_are_refused_or_ignored() {
    expect_all("/", bad_on_root()).await;
}

#[tokio::test]
async fn malformed_packets_end_their_connection_and_no_other() {
    expect_all("/chat", malformed("/chat,")).await;
    expect_all("/", malformed("")).await;
}

#[tokio::test]
async fn a_bad_auth_is_refused_with_a_code() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let position = json!({ "epoch": "0".repeat(32), "seq": 1 });
    for (auth, code) in [
        (json!("text"), "bad_request"),
        (json!([1]), "bad_request"),
        (json!({ "token": "junk" }), "bad_token"),
        (json!({ "token": 7 }), "bad_request"),
        (json!({ "name": "a\u{7}" }), "bad_name"),
        (json!({ "name": long(65) }), "bad_name"),
        (json!({ "rooms": ["lobby"] }), "bad_request"),
        (json!({ "rooms": { "a b": position } }), "bad_room"),
        (json!({ "rooms": { "lobby": 7 } }), "bad_request"),
        (json!({ "rooms": { "lobby": { "epoch": "x", "seq": 1 } } }), "bad_epoch"),
        (json!({ "rooms": { "lobby": { "epoch": "0".repeat(32), "seq": -1 } } }), "bad_request"),
    ] {
        let refused = Client::connect(node.addr(), "/chat", auth.clone()).await.err();
        let message = refused.expect("it is refused")["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{code}: ")), "{auth}: {message}");
    }
    let refused = Client::connect(node.addr(), "/nowhere", json!({})).await.err();
    assert_eq!(refused, Some(json!({ "message": "Invalid namespace" })));
}

#[tokio::test]
async fn a_server_offset_that_is_no_place_counts_as_absent() {
    let cluster = Cluster::of(1).without_redis().set("history.on_join", 2).start().await;
    let node = &cluster.nodes[0];
    let mut ada = node.native(json!({})).await;
    for n in 1..=5 {
        ada.say(&n.to_string()).await;
    }
    let offsets = [
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!("99999999999999999999999"),
        json!("-1"),
        json!("1 OR 1=1"),
        json!(""),
        json!({ "a": 1 }),
        json!([3]),
        json!(true),
    ];
    for offset in offsets {
        let mut eve = node.tutorial_after(json!({ "serverOffset": offset })).await;
        assert_eq!(seqs(&eve.messages(2).await), [4, 5], "{offset}");
    }
    for auth in [json!("text"), json!([7]), json!(7), json!(null)] {
        let mut eve = node.tutorial_after(auth.clone()).await;
        assert_eq!(seqs(&eve.messages(2).await), [4, 5], "{auth}");
    }
}

#[tokio::test]
async fn a_tutorial_message_without_an_ack_or_an_offset_is_stored() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let mut eve = node.tutorial().await;
    eve.send(r#"42["chat message","no ack","o1"]"#).await.unwrap();
    eve.send(r#"42["chat message","no ack, no offset"]"#).await.unwrap();
    for args in [json!(["no offset"]), json!(["no offset", null]), json!(["number", 7]), json!(["number", 7])]
    {
        let args = args.as_array().unwrap().clone();
        let number = eve.emit("chat message", args).await.unwrap();
        assert!(eve.ack(number).await.is_empty());
    }
    let shown = eve.messages(5).await;
    assert_eq!(texts(&shown), ["no ack", "no ack, no offset", "no offset", "no offset", "number"]);
}

#[tokio::test]
async fn a_client_that_leaves_its_namespace_ends_its_session() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let mut ada = node.in_lobby().await;
    ada.send("41/chat,").await.unwrap();
    until_async("its socket is gone", async || node.metric("chorus_connections").await == 0.0).await;
    until_async("its cursor is gone", async || node.metric("chorus_cursors").await == 0.0).await;
}

#[tokio::test]
async fn bad_requests_of_the_transport_are_refused() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let addr = cluster.nodes[0].addr();
    for (method, query, body) in [
        ("GET", "", ""),
        ("GET", "?EIO=3&transport=polling", ""),
        ("GET", "?EIO=4&transport=pigeon", ""),
        ("GET", "?EIO=4&transport=polling&sid=unknown", ""),
        ("GET", "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", ""),
        ("POST", "?EIO=4&transport=polling", "40"),
        ("POST", "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", "40"),
        ("GET", "?EIO=4&transport=websocket", ""),
    ] {
        let response = request(addr, method, &format!("/socket.io/{query}"), &[], body).await.unwrap();
        assert!((400..500).contains(&response.status), "{method} {query}: {response:?}");
    }
    let opened = request(addr, "GET", "/socket.io/?EIO=4&transport=polling", &[], "").await.unwrap();
    let sid = opened.body.split('"').nth(3).unwrap().to_owned();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let oversize = request(addr, "POST", &path, &[], &long(1_000_001)).await.unwrap();
    assert_eq!(oversize.status, 413, "{oversize:?}");
}

#[tokio::test]
async fn a_connection_over_which_a_websocket_was_refused_serves_another_session_as_any() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let addr = cluster.nodes[0].addr();
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    // Without `EIO`, and with an unknown session. A load balancer reuses such a connection for its next client.
    let bad = "GET /socket.io/?transport=websocket&sid=AAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: x\r\n\
        Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tcp.write_all(bad.as_bytes()).await.unwrap();
    let mut response = [0; 4_096];
    let length = tcp.read(&mut response).await.unwrap();
    assert!(
        response[..length].starts_with(b"HTTP/1.1 400"),
        "{:?}",
        String::from_utf8_lossy(&response[..length])
    );

    let mut eve = Client::connect_over(tcp, "/", json!({ "serverOffset": 0 })).await.expect("it is let in");
    let mut ada = cluster.nodes[0].in_lobby().await;
    for n in 1..=200 {
        ada.say(&n.to_string()).await;
    }
    // More than the engine's buffer holds at a time: each must leave it.
    assert_eq!(seqs(&eve.messages(200).await), (1..=200).collect::<Vec<_>>());
}
