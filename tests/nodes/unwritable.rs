//! A log that cannot be written: nodes report it, ack nothing, still serve reads, and recover by themselves.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::common::{
    client::{Client, Gone, seqs, texts},
    disk::Disk,
    node::{Cluster, Node},
    until_async,
};

/// The error codes while the log takes no messages.
const REFUSALS: [&str; 3] = ["busy", "unavailable", "unknown"];

/// Waits until readiness and metrics both report whether the log is writable. The node stays ready either way.
pub(crate) async fn until_writable(node: &Node, writable: bool) {
    let (word, level) = if writable { ("ready", 1.0) } else { ("degraded", 0.0) };
    until_async(&format!("the node is {word}"), async || {
        let ready = node.get("/readyz").await;
        assert_eq!(ready.status, 200, "{ready:?}");
        let status = ready.json();
        assert_eq!(status["log"]["readable"], true, "{status}");
        status["status"] == word
            && status["log"]["writable"] == writable
            && node.metric("chorus_log_writable").await == level
    })
    .await;
}

/// Whether the ack of a post is a refusal, which must then be a retryable one.
fn is_refusal(ack: &[Value]) -> bool {
    let error = &ack[0]["error"];
    if error.is_null() {
        return false;
    }
    assert!(REFUSALS.contains(&error["code"].as_str().unwrap_or_default()), "{error}");
    assert!(error["retryAfterMs"].is_u64(), "{error}");
    true
}

/// Posts until it is stored, as a client does.
async fn say_until_stored(client: &mut Client, text: &str, nonce: &str) {
    until_async("the message is stored", async || match client.try_say(text, nonce).await {
        Ok(ack) if ack.is_empty() => true,
        Ok(ack) => !is_refusal(&ack),
        Err(Gone) => panic!("the connection holds"),
    })
    .await;
}

/// Clients of a node that refuses posts, one of each namespace; both can still read.
struct Refused {
    ada: Client,
    eve: Client,
    text: String,
}

impl Refused {
    /// Connects both, checks that they see `shown`, and that neither can post `text`.
    async fn on(node: &Node, shown: &[String], text: String) -> Self {
        let (mut ada, mut eve) = (node.in_lobby().await, node.tutorial().await);
        for client in [&mut ada, &mut eve] {
            assert_eq!(texts(&client.messages(shown.len()).await), shown);
        }
        let ack = ada.try_say(&format!("ada: {text}"), "refused").await.expect("the connection holds");
        assert!(is_refusal(&ack), "{ack:?}");
        let post = eve.post(&format!("eve: {text}"), "refused").await.expect("the connection holds");
        // Longer than any of the log's own timeouts in these tests.
        assert_eq!(eve.acks(&[post], Duration::from_millis(2_500)).await, [None], "there is no ack");
        let page = node.get("/api/rooms/lobby/messages?limit=1").await;
        assert_eq!(
            (page.status, page.json()["messages"][0]["seq"].as_u64()),
            (200, Some(shown.len() as u64))
        );
        Self { ada, eve, text }
    }

    /// Both retry, and every message is stored exactly once: theirs and all of `shown`.
    async fn goes_on(mut self, other: &Node, mut shown: Vec<String>) {
        let retried = ["ada", "eve"].map(|name| format!("{name}: {}", self.text));
        say_until_stored(&mut self.ada, &retried[0], "refused").await;
        say_until_stored(&mut self.eve, &retried[1], "refused").await;
        shown.extend(retried);
        // A post that was refused as "unknown", or never acked, may have been stored at once, so the order may differ.
        let mut bob = other.in_lobby().await;
        let read = bob.messages(shown.len()).await;
        assert_eq!(seqs(&read), (1..=shown.len() as u64).collect::<Vec<_>>());
        let mut read: Vec<_> = read.into_iter().map(|message| message.text).collect();
        read.sort();
        shown.sort();
        assert!(read == shown, "each is stored once");
        bob.expect_silence(Duration::from_millis(300)).await;
    }
}

fn check_integrity(log: &Path) {
    let connection = Connection::open(log).unwrap();
    let result: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(result, "ok");
}

#[tokio::test]
async fn a_full_disk_costs_no_acked_message_and_the_nodes_go_on_when_there_is_room() {
    let disk = Disk::of(8);
    let mut cluster = Cluster::of(2).without_redis().within(disk.path()).start().await;
    let [node, other] = &cluster.nodes[..] else { unreachable!() };
    let mut ada = node.native(json!({})).await;
    let large = |n: usize| format!("{n} {}", "x".repeat(8_000));
    let mut acked: Vec<String> = Vec::new();
    for n in 0..20 {
        acked.push(large(n));
        ada.say(&large(n)).await;
    }
    disk.fill();
    // The write-ahead log has room for a few more.
    let first = loop {
        let text = large(acked.len());
        let ack = ada.try_say(&text, &acked.len().to_string()).await.expect("the connection holds");
        if is_refusal(&ack) {
            break text;
        }
        acked.push(text);
        assert!(acked.len() < 1_000, "more is acked than the disk holds");
    };
    until_writable(node, false).await;
    let refused = Refused::on(node, &acked, large(1_000_000)).await;
    assert!(node.log().contains("disk is full"), "the cause is logged");
    let backup = cluster.chorus().args(["backup", "backup.db"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&backup.stderr);
    assert!(!backup.status.success() && stderr.contains("are free there"), "{stderr}");
    assert!(!cluster.file("backup.db.partial").exists());

    disk.empty();
    until_writable(node, true).await;
    say_until_stored(&mut ada, &first, &acked.len().to_string()).await;
    acked.push(first);
    refused.goes_on(other, acked).await;
    cluster.nodes.iter_mut().for_each(Node::kill);
    check_integrity(&cluster.file("chat.db"));
}

#[tokio::test]
async fn a_log_that_is_read_only_is_read_until_it_may_be_written_again() {
    let mut cluster = Cluster::of(1).without_redis().without_privileges().start().await;
    let log = cluster.file("chat.db");
    let allow = |mode| fs::set_permissions(&log, fs::Permissions::from_mode(mode)).unwrap();
    cluster.nodes[0].native(json!({})).await.say("one").await;
    cluster.nodes[0].kill();
    cluster.nodes.clear();
    allow(0o444);

    for _ in 0..2 {
        cluster.add_node().await;
    }
    for node in &cluster.nodes {
        // The node notices by itself: nobody has posted yet.
        until_writable(node, false).await;
        assert!(node.log().contains("readonly database"), "the cause is logged");
    }
    let shown = ["one".to_owned()];
    let refused = Refused::on(&cluster.nodes[0], &shown, "two".to_owned()).await;

    allow(0o644);
    for node in &cluster.nodes {
        until_writable(node, true).await;
    }
    refused.goes_on(&cluster.nodes[1], shown.into()).await;
}

#[tokio::test]
async fn while_someone_holds_the_log_s_lock_nothing_is_acked_and_then_all_goes_on() {
    let mut cluster = Cluster::of(2).without_redis().set("log.append_timeout", "500ms").start().await;
    cluster.nodes[0].native(json!({})).await.say("one").await;
    let shown = ["one".to_owned()];

    let file = fs::File::open(cluster.file("chat.db.lock")).unwrap();
    file.lock().unwrap();
    let refused = Refused::on(&cluster.nodes[0], &shown, "two".to_owned()).await;
    for node in &cluster.nodes {
        node.native(json!({})).await.post("makes it wait", "n").await.expect("the connection holds");
        until_writable(node, false).await;
    }
    cluster.add_node().await.in_lobby().await.messages(1).await;

    file.unlock().unwrap();
    for node in &cluster.nodes {
        until_writable(node, true).await;
    }
    refused.goes_on(&cluster.nodes[1], shown.into()).await;
}

#[tokio::test]
async fn while_another_program_writes_to_the_file_nothing_is_acked_and_then_all_goes_on() {
    let cluster = Cluster::of(2).without_redis().start().await;
    cluster.nodes[0].native(json!({})).await.say("one").await;
    let shown = ["one".to_owned()];

    let other = Connection::open(cluster.file("chat.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = Refused::on(&cluster.nodes[0], &shown, "two".to_owned()).await;
    until_writable(&cluster.nodes[0], false).await;

    other.execute_batch("ROLLBACK").unwrap();
    until_writable(&cluster.nodes[0], true).await;
    refused.goes_on(&cluster.nodes[1], shown.into()).await;
}

/// A cluster whose last node is frozen during the commit of a post, that node's client, and the post's ack number.
#[cfg(feature = "failpoints")]
async fn frozen_in_commit() -> (Cluster, Client, u64) {
    let mut cluster = Cluster::of(2).without_redis().set("log.append_timeout", "500ms").start().await;
    cluster.nodes[0].native(json!({})).await.say("one").await;
    let frozen = cluster.add_node_with(&[("CHORUS_FAILPOINT", "stop_in_commit")]).await;
    let mut client = frozen.native(json!({})).await;
    let post = client.post("stop_in_commit", "frozen").await.expect("the connection holds");
    frozen.frozen().await;
    (cluster, client, post)
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_node_frozen_in_its_commit_holds_the_others_until_it_goes_on() {
    let (mut cluster, mut client, post) = frozen_in_commit().await;
    let shown = ["one".to_owned()];
    let refused = Refused::on(&cluster.nodes[0], &shown, "two".to_owned()).await;
    until_writable(&cluster.nodes[0], false).await;
    cluster.add_node().await.in_lobby().await.messages(1).await;

    cluster.nodes[2].thaw();
    // The commit has exceeded its own timeout, or it was acked: a retry with the nonce settles which.
    let ack = client.ack(post).await;
    if is_refusal(&ack) {
        say_until_stored(&mut client, "stop_in_commit", "frozen").await;
    }
    until_writable(&cluster.nodes[0], true).await;
    refused.goes_on(&cluster.nodes[1], vec!["one".to_owned(), "stop_in_commit".to_owned()]).await;
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_node_frozen_in_its_commit_holds_the_others_until_it_is_killed() {
    let (mut cluster, _client, _) = frozen_in_commit().await;
    let shown = ["one".to_owned()];
    let refused = Refused::on(&cluster.nodes[0], &shown, "two".to_owned()).await;
    until_writable(&cluster.nodes[0], false).await;

    cluster.nodes[2].kill();
    until_writable(&cluster.nodes[0], true).await;
    refused.goes_on(&cluster.nodes[1], shown.into()).await;
    check_integrity(&cluster.file("chat.db"));
}
