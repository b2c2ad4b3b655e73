//! The SQLite log on real files: the contract, and the failures that only a file can have.

use std::{
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use tokio::{sync::mpsc as channel, time::timeout};

use crate::{
    chat::{
        model::{Epoch, LogPosition, RoomName, Seq},
        ports::{AppendError, Appended, Commits, MessageLog as _},
    },
    config,
    store::{
        contract::{
            amendments,
            log::{self, LogUnderTest, append, draft, line, next, read, to},
            retention::{self, ExpiringLog},
            search::SearchableLog,
        },
        sqlite::{
            file::{database::Database, schema},
            renew_epoch,
            testing::{Fixture, run_round},
        },
    },
};

async fn log_under_test(commits: Commits) -> LogUnderTest {
    let fixture = Fixture::new();
    LogUnderTest::new(fixture.open_with(commits), fixture)
}

log::tests!(log_under_test);
amendments::tests!(log_under_test);

/// A log whose janitor has indexed nothing.
fn unindexed_log() -> SearchableLog {
    let fixture = Fixture::new();
    let guard = fixture.database().janitor_lock().unwrap().acquire().unwrap();
    let log = fixture.open();
    SearchableLog::new(log, || (), (fixture, guard))
}

/// A log whose janitor has indexed everything.
fn indexed_log() -> SearchableLog {
    let fixture = Fixture::new();
    let (log, janitor) = (fixture.open(), Mutex::new(fixture.janitor()));
    SearchableLog::new(log, move || run_round(&mut janitor.lock().unwrap()), fixture)
}

mod not_indexed_yet {
    use crate::store::sqlite::tests::unindexed_log;
    crate::store::contract::search::tests!(unindexed_log);
}

mod indexed_already {
    use crate::store::sqlite::tests::indexed_log;
    crate::store::contract::search::tests!(indexed_log);
}

fn expiring_log(settings: config::Log) -> ExpiringLog {
    let mut fixture = Fixture::new();
    let url = fixture.settings.url;
    fixture.settings = config::Log { url, ..settings };
    let log = fixture.open();
    let (clock, janitor) = (fixture.clock.clone(), Mutex::new(fixture.janitor()));
    let expire_at = move |time: Duration| {
        clock.set_after(time);
        run_round(&mut janitor.lock().unwrap());
    };
    ExpiringLog::new(log, expire_at, fixture)
}

retention::tests!(expiring_log);

/// Waits up to 10 s for a condition.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(10), "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_log_is_the_same_when_it_is_opened_again() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let (epoch, key) = (log.epoch(), *log.key());
    assert_eq!(append(&*log, vec![draft("a", "one"), draft("b", "two")]).await, "1 2");
    let position = log.position().await.unwrap();
    log.close().await;
    drop(log);

    let log = fixture.open();
    assert_eq!((log.epoch(), *log.key()), (epoch, key));
    assert_eq!(log.position().await.unwrap(), position);
    assert_eq!(append(&*log, vec![draft("b", "two"), draft("c", "three")]).await, "=2 3");
    assert_ne!(Fixture::new().open().epoch(), epoch);
}

#[tokio::test]
async fn a_node_of_the_release_before_goes_on_storing() {
    let fixture = Fixture::new();
    let log = fixture.open();
    assert_eq!(append(&*log, vec![draft("a", "one")]).await, "1");
    // Exactly the statements of that release.
    let as_before = "INSERT INTO message (room_id, seq, at, kind, author_id, author_name, nonce, node, text)
         VALUES (1, 2, 3, 'text', 'ada', 'Ada', NULL, 'node-1', 'two'); UPDATE room SET head = 2 WHERE id = 1";
    fixture.connection().execute_batch(as_before).unwrap();
    assert_eq!(append(&*log, vec![draft("b", "three")]).await, "3");
    let two = &log.read(&RoomName::lobby(), Seq(1), 1).await.unwrap()[0].draft;
    assert_eq!((two.target, two.author.color), (None, None));
    assert_eq!(read(&*log, "lobby", 0, 10).await, "1:one 2:two 3:three");
}

#[test]
fn a_log_of_the_release_before_is_brought_up_to_date() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path().parent().unwrap()).unwrap();
    let connection = fixture.connection();
    connection.execute_batch(include_str!("migrations/1_log.sql")).unwrap();
    let mark = format!(
        "PRAGMA application_id = {}; PRAGMA user_version = 1; PRAGMA journal_mode = wal;
         INSERT INTO meta VALUES ('epoch', '{:032x}'), ('key', zeroblob(32))",
        schema::APPLICATION_ID,
        7
    );
    connection.execute_batch(&mark).unwrap();
    drop(connection);
    assert_eq!(fixture.database().epoch(), Epoch::from_random(7));
    let version: i64 = fixture.connection().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, schema::VERSION);
}

#[tokio::test]
async fn two_logs_on_one_file_make_one_sequence() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.open(), fixture.open());
    assert_eq!((one.epoch(), one.key()), (other.epoch(), other.key()));
    assert_eq!(append(&*one, vec![draft("a", "one")]).await, "1");
    assert_eq!(append(&*other, vec![draft("a", "one"), draft("b", "two")]).await, "=1 2");
    assert_eq!(append(&*one, vec![draft("c", "three")]).await, "3");
    assert_eq!(read(&*other, "lobby", 0, 10).await, "1:one 2:two 3:three");
}

#[tokio::test]
async fn while_another_holds_the_lock_callers_are_refused_and_nothing_is_stored() {
    let fixture = Fixture::new();
    let log = fixture.open();
    assert_eq!(append(&*log, vec![draft("a", "one")]).await, "1");

    let guard = fixture.database().writer_lock().unwrap().acquire().unwrap();
    let refused = log.append(vec![draft("b", "refused")]).await;
    assert!(matches!(refused, Err(AppendError::Busy)), "{refused:?}");
    assert!(!log.is_writable());
    assert_eq!(read(&*log, "lobby", 0, 10).await, "1:one");
    assert_eq!(read(&*fixture.open(), "lobby", 0, 10).await, "1:one", "a node can start meanwhile");

    drop(guard);
    until("writable", || log.is_writable()).await;
    assert_eq!(append(&*log, vec![draft("c", "two")]).await, "2");
    assert_eq!(read(&*log, "lobby", 0, 10).await, "1:one 2:two");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let fixture = Fixture::new();
    let log = fixture.open();
    let guard = fixture.database().writer_lock().unwrap().acquire().unwrap();
    let waiting = log.append(vec![draft("", &"x".repeat(40 * 1024 * 1024))]);
    let refused = async {
        tokio::task::yield_now().await;
        let started = Instant::now();
        let refused = log.append(vec![draft("b", "refused")]).await;
        assert!(matches!(refused, Err(AppendError::Busy)), "{refused:?}");
        assert!(started.elapsed() < Duration::from_secs(1));
        drop(guard);
    };
    let (stored, ()) = futures_util::join!(waiting, refused);
    assert!(matches!(stored.unwrap()[..], [Appended::Stored(_)]), "one batch may be larger than the queue");
    assert_eq!(append(&*log, vec![draft("c", "two")]).await, "2");
}

#[tokio::test]
async fn a_log_that_failed_recovers_without_traffic() {
    let fixture = Fixture::new();
    let log = fixture.open();
    append(&*log, vec![draft("", "first")]).await;
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = log.append(vec![draft("a", "refused")]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(!log.is_writable());

    other.execute_batch("ROLLBACK").unwrap();
    until("writable", || log.is_writable()).await;
    assert_eq!(append(&*log, vec![draft("a", "refused")]).await, "2");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_from_its_start_on_says_so_unasked() {
    let fixture = Fixture::new();
    drop(fixture.database());
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let log = fixture.open();
    until("not writable", || !log.is_writable()).await;
    other.execute_batch("ROLLBACK").unwrap();
    until("writable", || log.is_writable()).await;
}

#[tokio::test]
async fn a_log_whose_readers_are_all_busy_is_readable() {
    let mut fixture = Fixture::new();
    fixture.settings.readers = 1;
    let log = fixture.open();
    let (release, blocked) = mpsc::channel::<()>();
    let busy = log.read_pool.run(move |_| Ok(blocked.recv()?));
    let meanwhile = async {
        assert!(timeout(Duration::from_millis(50), log.position()).await.is_err(), "it waits");
        log.changes_since(LogPosition(0)).await.unwrap();
        assert!(log.is_readable());
        drop(release);
    };
    let (busy, ()) = futures_util::join!(busy, meanwhile);
    assert!(busy.is_err() && log.is_readable());
}

#[tokio::test]
async fn a_commit_that_takes_too_long_is_unknown() {
    let mut fixture = Fixture::new();
    fixture.settings.append_timeout = Duration::from_millis(200);
    let log = fixture.open();
    // The writer has finished its first probe and waits for batches.
    append(&*log, vec![draft("", "first")]).await;
    let other = fixture.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let unknown = log.append(vec![draft("a", "late")]).await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");

    other.execute_batch("ROLLBACK").unwrap();
    while log.append(vec![draft("a", "late")]).await.is_err() {}
    assert_eq!(append(&*log, vec![draft("a", "late")]).await, "=2", "the same nonce settles it");
    assert_eq!(read(&*log, "lobby", 0, 10).await, "1:first 2:late");
}

#[tokio::test]
async fn a_batch_that_the_database_refuses_takes_no_other_with_it() {
    let fixture = Fixture::new();
    let log = fixture.open();
    append(&*log, vec![to("damaged", draft("a", "x")), draft("a", "x")]).await;
    fixture.connection().execute("UPDATE room SET head = 0 WHERE name = 'damaged'", []).unwrap();

    let guard = fixture.database().writer_lock().unwrap().acquire().unwrap();
    let (before, damaged) =
        (log.append(vec![draft("b", "y")]), log.append(vec![to("damaged", draft("b", "y"))]));
    let after = log.append(vec![draft("c", "z")]);
    let (before, damaged, after, ()) = futures_util::join!(before, damaged, after, async { drop(guard) });
    assert!(matches!(before.unwrap()[..], [Appended::Stored(_)]));
    assert!(matches!(damaged, Err(AppendError::Unavailable(_))), "{damaged:?}");
    assert!(matches!(after.unwrap()[..], [Appended::Stored(_)]));
    assert_eq!(read(&*log, "lobby", 0, 10).await, "1:x 2:y 3:z");
    assert!(log.is_writable());
}

#[tokio::test]
async fn all_that_waits_is_one_commit() {
    let fixture = Fixture::new();
    let (commits, mut stored) = channel::channel(10);
    let log = fixture.open_with(commits);
    let guard = fixture.database().writer_lock().unwrap().acquire().unwrap();
    let appends = (1..=5).map(|n| log.append(vec![draft("", &n.to_string())]));
    let release = async { drop(guard) };
    futures_util::join!(futures_util::future::join_all(appends), release);
    assert_eq!(line(&next(&mut stored).await), "1:1 2:2 3:3 4:4 5:5");
}

#[tokio::test]
async fn what_nobody_waits_for_is_stored_all_the_same() {
    let fixture = Fixture::new();
    let (commits, mut stored) = channel::channel(10);
    let log = fixture.open_with(commits);
    let guard = fixture.database().writer_lock().unwrap().acquire().unwrap();
    let dropped = timeout(Duration::from_millis(20), log.append(vec![draft("a", "x")])).await;
    assert!(dropped.is_err());
    drop(guard);
    assert_eq!(line(&next(&mut stored).await), "1:x");
}

#[tokio::test]
async fn closing_stores_what_waits_and_does_not_wait_for_ever() {
    let mut fixture = Fixture::new();
    fixture.settings.append_timeout = Duration::from_secs(1);
    let log = fixture.open();
    let (stored, ()) = futures_util::join!(log.append(vec![draft("a", "x")]), log.close());
    assert!(stored.is_ok());

    let log = fixture.open();
    let guard = fixture.database().writer_lock().unwrap().acquire().unwrap();
    let (refused, ()) = futures_util::join!(log.append(vec![draft("b", "y")]), log.close());
    assert!(matches!(refused, Err(AppendError::Busy)), "{refused:?}");
    drop(guard);
}

#[test]
fn a_log_that_was_replaced_is_not_written() {
    let fixture = Fixture::new();
    let database = fixture.database();
    let other = "UPDATE meta SET value = '00000000000000000000000000000001' WHERE key = 'epoch'";
    fixture.connection().execute(other, []).unwrap();
    assert!(database.writer().unwrap_err().to_string().contains("replaced"));
    assert!(database.reader().unwrap_err().to_string().contains("replaced"));
}

#[test]
fn a_url_names_a_file() {
    for bad in ["sqlite://", "sqlite://:memory:", "sqlite://file:x", "postgres://x"] {
        let settings = config::Log { url: bad.to_owned(), ..config::Log::default() };
        assert!(Database::open_or_create(&settings).is_err(), "{bad}");
    }
}

#[test]
fn what_is_committed_survives_a_loss_of_power() {
    let writer = Fixture::new().database().writer().unwrap();
    let mode: String = writer.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let synchronous: i64 = writer.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    // 2 is FULL: each commit to the WAL is synced. No test can see the effect itself.
    assert_eq!((&*mode, synchronous), ("wal", 2));
}

#[tokio::test]
async fn a_restored_log_with_a_new_epoch_keeps_its_messages_and_its_key() {
    let fixture = Fixture::new();
    let log = fixture.open();
    append(&*log, vec![draft("", "x")]).await;
    let (epoch, key) = (log.epoch(), *log.key());
    log.close().await;
    drop(log);

    let renewed = renew_epoch(&fixture.settings).unwrap();

    let log = fixture.open();
    assert_ne!(renewed, epoch);
    assert_eq!((log.epoch(), *log.key()), (renewed, key));
    assert_eq!(log.extent(&RoomName::lobby()).await.unwrap().head, Seq(1));
}
