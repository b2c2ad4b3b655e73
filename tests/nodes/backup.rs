//! Backups of a log under writes, and what clients see after one is restored.

use std::{
    cell::Cell, fs, os::unix::process::ExitStatusExt as _, path::Path, process::Output, sync::Arc,
    time::Duration,
};

use chorus::chat::ports::MessageLog as _;
use chorus::{
    chat::model::{Author, Draft, Kind, MessageText, RoomName, UnixMs},
    clock::SystemClock,
    config,
    store::sqlite::SqliteLog,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::common::{
    client::{seqs, texts},
    node::Cluster,
    traffic::{Nodes, post_while},
    until_async,
};

/// Fills the log, so that a backup of it takes a while.
async fn with_history(cluster: &Cluster, messages: usize) {
    let url = format!("sqlite://{}", cluster.file("chat.db").display());
    let settings = config::Log { url, ..config::Log::default() };
    let log = SqliteLog::open(&settings, Arc::new(SystemClock), mpsc::channel(1).0).unwrap();
    let draft = Draft {
        room: "archive".parse::<RoomName>().unwrap(),
        kind: Kind::Text,
        target: None,
        author: Author::anonymous(),
        nonce: None,
        text: MessageText::new(&"x".repeat(8_000), 8_192).unwrap(),
        at: UnixMs(1_700_000_000_000),
        node: "n".parse().unwrap(),
        trace: None,
    };
    for _ in 0..messages / 100 {
        log.append(vec![draft.clone(); 100]).await.unwrap();
    }
    log.close().await;
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn query<T: rusqlite::types::FromSql>(file: &Path, sql: &str) -> T {
    Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Checks that a copy passes SQLite's integrity check and that no room has a hole.
fn check_copy(file: &Path) {
    assert_eq!(query::<String>(file, "PRAGMA integrity_check"), "ok");
    let holes =
        "SELECT COUNT(*) FROM room WHERE head != (SELECT COUNT(*) FROM message WHERE room_id = room.id)
        OR head != (SELECT MAX(seq) FROM message WHERE room_id = room.id)";
    assert_eq!(query::<i64>(file, holes), 0);
}

const EPOCH: &str = "SELECT value FROM meta WHERE key = 'epoch'";

#[tokio::test]
async fn a_backup_under_traffic_is_whole_and_holds_all_that_was_acked_before_it() {
    let mut cluster = Cluster::of(0).without_redis().start().await;
    with_history(&cluster, 4_000).await;
    for _ in 0..2 {
        cluster.add_node().await;
    }
    let (nodes, file) = (Nodes::new(cluster.addrs()), cluster.file("backup.db"));
    let (acked, done) = ([const { Cell::new(0) }; 4], Cell::new(false));
    let posters = acked.iter().enumerate().map(|(number, acked)| {
        let more = |count| {
            acked.set(count);
            !done.get()
        };
        post_while(nodes.clone(), number, format!("p{number}"), Duration::ZERO, more)
    });
    let backup = async {
        until_async("all post", async || acked.iter().all(|acked| 5 < acked.get())).await;
        let before = acked.each_ref().map(Cell::get);
        let mut command = cluster.chorus();
        let output = tokio::task::spawn_blocking(move || command.args(["backup", "backup.db"]).output());
        let output = output.await.unwrap().unwrap();
        let after = acked.each_ref().map(Cell::get);
        done.set(true);
        assert!(output.status.success(), "{}", text_of(&output));
        assert!(
            before.iter().sum::<usize>() < after.iter().sum(),
            "{before:?} {after:?}: nobody could write"
        );
        before
    };
    let (before, total) = tokio::join!(backup, futures_util::future::join_all(posters));

    check_copy(&file);
    for (number, count) in before.into_iter().enumerate() {
        let there = format!("SELECT COUNT(DISTINCT text) FROM message WHERE text GLOB 'p{number}-*'");
        let there = query::<i64>(&file, &there) as usize;
        assert!(
            count <= there && there <= total[number],
            "p{number}: {count} <= {there} <= {}",
            total[number]
        );
    }
    let log = cluster.file("chat.db");
    assert_ne!(query::<String>(&file, EPOCH), query::<String>(&log, EPOCH));
    assert!(!cluster.file("backup.db.partial").exists());
}

#[tokio::test]
async fn a_backup_that_is_killed_is_none_and_the_next_one_is() {
    let cluster = Cluster::of(0).without_redis().start().await;
    with_history(&cluster, 4_000).await;
    let (file, partial) = (cluster.file("backup.db"), cluster.file("backup.db.partial"));
    let backup = || cluster.chorus().args(["backup", "backup.db"]).spawn().unwrap();
    let kill_half_way = || {
        let mut process = backup();
        let is_half_way = || partial.metadata().is_ok_and(|partial| 0 < partial.len());
        while !is_half_way() && process.try_wait().unwrap().is_none() {}
        process.kill().unwrap();
        let killed = process.wait().unwrap().signal().is_some() && !file.exists();
        // Otherwise it finished before the kill.
        assert!(killed || fs::remove_file(&file).is_ok());
        killed
    };
    assert!((0..50).any(|_| kill_half_way()), "none was killed half way");
    assert!(partial.exists());

    assert!(backup().wait().unwrap().success());
    check_copy(&file);
    assert!(!partial.exists());
    let again = cluster.chorus().args(["backup", "backup.db"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(text_of(&again).contains("is there already"), "{}", text_of(&again));
    let nowhere = cluster.chorus().args(["backup"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2), "{}", text_of(&nowhere));
    let absent = cluster.chorus().env("DATABASE_URL", "sqlite://absent.db").args(["backup", "b.db"]).output();
    let absent = absent.unwrap();
    assert!(!absent.status.success() && text_of(&absent).contains("there is no log"), "{}", text_of(&absent));
    assert!(!cluster.file("absent.db").exists());
}

/// Replaces the log with a backup, as OPERATIONS describes, and starts a node on it.
async fn restore(cluster: &mut Cluster) {
    cluster.nodes.iter().for_each(|node| node.terminate());
    for node in &mut cluster.nodes {
        assert!(node.exit().await.success());
    }
    cluster.nodes.clear();
    for name in ["chat.db", "chat.db-wal", "chat.db-shm"] {
        let _ = fs::remove_file(cluster.file(name));
    }
    fs::copy(cluster.file("backup.db"), cluster.file("chat.db")).unwrap();
    cluster.add_node().await;
}

/// A cluster restored from a backup of 10 messages after 20 were posted, and a `/chat` client's session and seq from
/// before.
async fn restored() -> (Cluster, Value, Value) {
    let drain = [("drain.delay", "0s"), ("drain.spread", "10ms")];
    let plan = drain.iter().fold(Cluster::of(2).without_redis(), |plan, (key, value)| plan.set(key, value));
    let mut cluster = plan.start().await;
    let mut ada = cluster.nodes[0].native(json!({ "name": "Ada" })).await;
    let mut say = async |from: usize| {
        for n in from..from + 10 {
            ada.say(&format!("m{n}")).await;
        }
    };
    say(1).await;
    let backup = cluster.chorus().args(["backup", "backup.db"]).output().unwrap();
    assert!(backup.status.success(), "{}", text_of(&backup));
    say(11).await;
    let session = ada.session.clone();
    drop(ada);
    restore(&mut cluster).await;
    (cluster, session, json!(20))
}

#[tokio::test]
async fn after_a_restore_clients_of_chat_are_told_and_start_with_what_there_is() {
    let (cluster, before, seq) = restored().await;
    let node = &cluster.nodes[0];
    let position = json!({ "epoch": before["epoch"], "seq": seq });
    let auth = json!({ "token": before["token"], "rooms": { "lobby": position } });
    let mut ada = node.native(auth.clone()).await;
    assert_eq!(ada.session["user"], before["user"], "tokens stay valid");
    let epoch = ada.session["epoch"].clone();
    assert_ne!(epoch, before["epoch"]);
    let joined = json!({ "head": 10, "epoch": epoch, "recovered": false });
    assert_eq!(ada.session["rooms"]["lobby"], joined);
    assert_eq!(seqs(&ada.messages(10).await), (1..=10).collect::<Vec<_>>());
    assert_eq!(ada.ask("join", json!({ "room": "lobby", "after": position })).await["ok"], joined);
    ada.messages(10).await;

    // A retry of a message in the backup is known; one of a message that was lost stores it again.
    let again = ada.try_say("m5", "m5").await.unwrap();
    assert_eq!(again[0]["ok"]["seq"], 5, "{again:?}");
    let lost = ada.try_say("m15", "m15").await.unwrap();
    assert_eq!(lost[0]["ok"]["seq"], 11, "{lost:?}");
    for n in 12..=25 {
        ada.say(&format!("after {n}")).await;
    }
    assert_eq!(seqs(&ada.messages(15).await), (11..=25).collect::<Vec<_>>());
    let late = node.native(auth).await;
    assert_eq!(late.session["rooms"]["lobby"]["recovered"], false, "also when the log has grown past it");
}

#[tokio::test]
async fn after_a_restore_clients_of_the_tutorial_are_told_while_their_offset_is_beyond_the_head() {
    let (cluster, _, offset) = restored().await;
    let node = &cluster.nodes[0];
    let mut eve = node.tutorial_after(json!({ "serverOffset": offset })).await;
    assert_eq!(eve.next("notice").await.unwrap()[0]["code"], "incomplete_recovery");
    let shown = eve.messages(10).await;
    assert_eq!(texts(&shown), ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "m10"]);

    // The documented limit: an offset names no log, so that it counts once the new log has grown past it.
    for n in 11..=25 {
        eve.say(&format!("after {n}")).await;
    }
    let mut late = node.tutorial_after(json!({ "serverOffset": offset })).await;
    assert_eq!(seqs(&late.messages(5).await), (21..=25).collect::<Vec<_>>());
    late.expect_silence(Duration::from_millis(50)).await;
}
