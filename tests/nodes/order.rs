//! One sender's messages keep the order in which its socket sent them, also across refusals.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{
    client::{Client, texts},
    node::Cluster,
};

/// An ack's error code, or `ok`.
fn code_of(ack: &[Value]) -> &str {
    ack[0]["error"]["code"].as_str().unwrap_or("ok")
}

/// Posts these texts without waiting in between, and returns each ack's code: `lost` if it does not come in time.
async fn send_within(patience: Duration, client: &mut Client, texts: &[String]) -> Vec<String> {
    let mut numbers = Vec::new();
    for text in texts {
        numbers.push(client.post(text, text).await.unwrap());
    }
    let acks = client.acks(&numbers, patience).await;
    let code = |ack: &Option<Vec<Value>>| ack.as_deref().map_or("lost", code_of).to_owned();
    acks.iter().map(code).collect()
}

async fn send(client: &mut Client, texts: &[String]) -> Vec<String> {
    send_within(Duration::from_secs(1), client, texts).await
}

/// Like a client's outbox: repeats refused posts, in their order, until all are stored. A late ack counts as a refusal;
/// the nonce makes that safe.
async fn send_until_stored(client: &mut Client, mut texts: Vec<String>) {
    while !texts.is_empty() {
        let codes = send_within(Duration::from_millis(100), client, &texts).await;
        let mut outcomes = codes.iter();
        texts.retain(|_| outcomes.next().unwrap() != "ok");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("m{n}")).collect()
}

#[tokio::test]
async fn after_a_rate_limit_later_posts_wait_for_the_refused_one() {
    let cluster = Cluster::of(1).set("limits.messages_per_second", 5).start().await;
    let mut ada = cluster.nodes[0].native(json!({})).await;
    let mut reader = cluster.nodes[0].in_lobby().await;
    let all = numbered(20);

    let codes = send(&mut ada, &all).await;
    let refused = codes.iter().position(|code| code != "ok").expect("20 at once are too many");
    assert!(5 <= refused, "{codes:?}");
    assert_eq!(codes[refused], "rate_limited", "{codes:?}");
    assert!(codes[refused + 1..].iter().all(|code| code == "retry_first"), "{codes:?}");

    tokio::time::sleep(Duration::from_millis(300)).await;
    let later = ["later".to_owned()];
    assert_eq!(send(&mut ada, &later).await, ["retry_first"], "there is room, but not for this one");
    let mut rest = all[refused..].to_vec();
    rest.extend(later);
    send_until_stored(&mut ada, rest).await;

    let shown = reader.messages(21).await;
    assert_eq!(texts(&shown[..20]), all);
    assert_eq!(shown[20].text, "later");
}

#[tokio::test]
async fn other_rooms_and_other_sockets_do_not_wait() {
    let cluster = Cluster::of(1).set("limits.messages_per_second", 5).start().await;
    let mut ada = cluster.nodes[0].native(json!({})).await;
    let codes = send(&mut ada, &numbered(20)).await;
    assert_eq!(codes[19], "retry_first");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let post = json!({ "room": "other", "nonce": "x", "text": "x" });
    assert_eq!(ada.ask("post", post).await["ok"]["seq"], 1);
    let mut bob = cluster.nodes[0].native(json!({})).await;
    assert_eq!(send(&mut bob, &["hello".to_owned()]).await, ["ok"]);
}

#[tokio::test]
async fn after_an_overflow_of_the_queue_the_order_is_kept() {
    let cluster = Cluster::of(2).set("limits.requests_in_flight", 4).start().await;
    let mut reader = cluster.nodes[1].in_lobby().await;
    let mut ada = cluster.nodes[0].native(json!({})).await;
    let all = numbered(300);
    let codes = send(&mut ada, &all).await;
    assert!(codes.iter().any(|code| code == "overloaded"), "{codes:?}");
    let mut outcomes = codes.iter();
    let rest: Vec<_> = all.iter().filter(|_| outcomes.next().unwrap() != "ok").cloned().collect();
    // The reader reads at the same time, or its heartbeat would time out.
    let (shown, ()) = tokio::join!(reader.messages(300), send_until_stored(&mut ada, rest));
    assert_eq!(texts(&shown), all);
    reader.expect_silence(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_post_that_was_sent_twice_before_its_refusal_hinders_nobody_afterwards() {
    let cluster = Cluster::of(1).set("limits.messages_per_second", 2).start().await;
    let mut ada = cluster.nodes[0].native(json!({})).await;
    let twice: Vec<_> = ["a", "b", "c", "c", "c"].iter().map(|text| (*text).to_owned()).collect();
    send(&mut ada, &twice).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(send(&mut ada, &["c".to_owned()]).await, ["ok"]);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(send(&mut ada, &["d".to_owned()]).await, ["ok"]);
}

#[tokio::test]
async fn clients_of_the_tutorial_are_acked_after_the_limit_lets_them() {
    let cluster = Cluster::of(1).set("limits.messages_per_second", 2).start().await;
    let mut eve = cluster.nodes[0].tutorial().await;
    for n in 0..6 {
        let text = format!("m{n}");
        // A refused post is neither stored nor acked, so that the client's own retry works.
        while timeout(Duration::from_millis(100), eve.try_say(&text, &text)).await.is_err() {}
    }
    assert_eq!(texts(&eve.messages(6).await), numbered(6));
}
