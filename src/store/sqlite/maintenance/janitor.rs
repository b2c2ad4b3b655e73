//! Keeps the file small and the search near: checkpoints the WAL, forgets old nonces, prunes old messages, indexes new ones.
//!
//! One janitor of all nodes works at a time, in small steps with the lock let
//! go between them, so that no commit waits long for it.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::{
    chat::{model::UnixMs, ports::Clock},
    config,
    store::{
        retention::{KEPT_MIN, Retention},
        sqlite::{
            file::{
                database::{Database, WRITER_PATIENCE, used_bytes},
                lock::SideLock,
            },
            maintenance::{index, retention_clock::RetentionClock},
            rows::{from_sql, to_sql},
        },
    },
};

/// Pause between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(2);

/// Rows that one transaction takes away.
const STEP_ROWS_MAX: u64 = 500;

/// Transactions of one kind in a round; what is left over waits for the next.
const STEPS_MAX: usize = 50;

/// After a step the lock is left alone for as long as it was held, and no longer than this.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// A larger WAL is cut to nothing, which commits have to wait for.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Waits for readers no longer than this when it cuts the WAL.
const CUT_PATIENCE: Duration = Duration::from_millis(100);

/// What the thread owns.
pub(crate) struct Janitor {
    database: Database,
    clock: Arc<dyn Clock>,
    calendar: RetentionClock,
    retention: Retention,
    /// Among the janitors of all nodes.
    turn: SideLock,
    /// Among all who write.
    lock: SideLock,
    connection: Option<Connection>,
    /// It was said that the log stays larger than it may.
    warned: bool,
}

impl Janitor {
    pub(crate) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        settings: &config::Log,
    ) -> anyhow::Result<Self> {
        let (turn, lock) = (database.janitor_lock()?, database.lock()?);
        let retention = Retention::of(settings);
        let (calendar, connection) = (RetentionClock::default(), None);
        Ok(Self { database, clock, calendar, retention, turn, lock, connection, warned: false })
    }

    /// Works until the other end of `stop` is dropped.
    pub(crate) fn work(mut self, stop: &Receiver<()>) {
        while stop.recv_timeout(ROUND_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if let Err(error) = self.round(stop) {
                self.connection = None;
                tracing::warn!(error = format!("{error:#}"), "the message log could not be tidied up");
            }
        }
    }

    /// Does what is to be done now, if no other node does; says whether it had its turn.
    pub(crate) fn round(&mut self, stop: &Receiver<()>) -> anyhow::Result<bool> {
        let Some(_turn) = self.turn.attempt()? else { return Ok(false) };
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(self.database.writer()?),
        };
        let now = self.calendar.believed(self.clock.now(), newest(connection)?, Instant::now());
        let mut steps = Steps { connection, lock: &self.lock, stop, pause: Duration::ZERO };

        let before = self.retention.nonces_before(now);
        steps.take(|log| has_old_nonce(log, before), |log| forget_nonces(log, before))?;
        if let Some(before) = self.retention.messages_before(now) {
            steps.take(|log| has_old_message(log, before), |log| prune(log, end_of_old(log, before)?))?;
        }
        if let Some(most) = self.retention.bytes_max() {
            let has_more = |log: &Connection| Ok(most < used_bytes(log)? && has_more_than_stays(log)?);
            steps.take(has_more, |log| prune(log, end_of_oldest(log)?))?;
            let is_stuck = most < used_bytes(steps.connection)? && !has_more_than_stays(steps.connection)?;
            if is_stuck && !self.warned {
                tracing::warn!(
                    "log.retention_bytes is too little for what must stay: \
                     nonces, for log.nonce_ttl, and the newest messages"
                );
            }
            self.warned = is_stuck;
        }
        steps.take(index::has_gone, |log| index::forget_gone(log))?;
        steps.take(index::is_behind, |log| index::advance(log))?;
        checkpoint(steps.connection, &self.lock, &self.database)?;
        Ok(true)
    }
}

/// How a round takes something away.
struct Steps<'j> {
    connection: &'j mut Connection,
    lock: &'j SideLock,
    stop: &'j Receiver<()>,
    /// Before the next step.
    pause: Duration,
}

impl Steps<'_> {
    /// Does `step` as long as it `is_due`, in transactions of their own. Between two the lock is left alone for a while:
    /// who takes it back at once is often quicker than those that wait for it.
    fn take(
        &mut self,
        is_due: impl Fn(&Connection) -> rusqlite::Result<bool>,
        step: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> anyhow::Result<()> {
        for _ in 0..STEPS_MAX {
            let is_stopped = self.stop.recv_timeout(self.pause) == Err(RecvTimeoutError::Disconnected);
            self.pause = Duration::ZERO;
            // Asked without the lock: mostly there is nothing to do.
            if is_stopped || !is_due(self.connection)? {
                break;
            }
            let held = self.lock.wait()?;
            let begin = Instant::now();
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            step(&transaction)?;
            transaction.commit()?;
            drop(held);
            self.pause = begin.elapsed().min(PAUSE_MAX);
        }
        Ok(())
    }
}

/// When the newest message was stored, or the newest nonce if all messages are gone.
fn newest(log: &Connection) -> rusqlite::Result<UnixMs> {
    let mut find = log.prepare_cached(
        "SELECT COALESCE((SELECT at FROM message ORDER BY position DESC LIMIT 1), (SELECT MAX(at) FROM nonce), 0)",
    )?;
    find.query_row([], |row| Ok(UnixMs(from_sql(row.get(0)?))))
}

fn has_old_nonce(log: &Connection, before: UnixMs) -> rusqlite::Result<bool> {
    let mut find = log.prepare_cached("SELECT 1 FROM nonce WHERE at < ?1 LIMIT 1")?;
    find.exists([to_sql(before.0)])
}

fn forget_nonces(log: &Transaction<'_>, before: UnixMs) -> rusqlite::Result<()> {
    let mut find =
        log.prepare_cached("SELECT room_id, author_id, nonce FROM nonce WHERE at < ?1 ORDER BY at LIMIT ?2")?;
    let keys = find.query_map(params![to_sql(before.0), to_sql(STEP_ROWS_MAX)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let keys = keys.collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    // One by one: for a list of whole keys SQLite would walk through all nonces of each room.
    let mut delete =
        log.prepare_cached("DELETE FROM nonce WHERE room_id = ?1 AND author_id = ?2 AND nonce = ?3")?;
    for key in keys {
        delete.execute(key)?;
    }
    Ok(())
}

/// Whether the oldest message of all, in the order of the log, is old.
fn has_old_message(log: &Connection, before: UnixMs) -> rusqlite::Result<bool> {
    let mut find = log.prepare_cached("SELECT at FROM message ORDER BY position LIMIT 1")?;
    let at: Option<i64> = find.query_row([], |row| row.get(0)).optional()?;
    Ok(at.is_some_and(|at| from_sql(at) < before.0))
}

/// The first message that is not old, or where this step ends; none of an empty log.
///
/// A message from a clock that runs ahead keeps those behind it until its own time has come.
fn end_of_old(log: &Connection, before: UnixMs) -> rusqlite::Result<Option<i64>> {
    let mut find = log.prepare_cached(
        "SELECT COALESCE(MIN(CASE WHEN ?1 <= at THEN position END), MAX(position) + 1)
         FROM (SELECT position, at FROM message ORDER BY position LIMIT ?2)",
    )?;
    find.query_row(params![to_sql(before.0), to_sql(STEP_ROWS_MAX)], |row| row.get(0))
}

/// Whether there are messages that may go for want of room.
fn has_more_than_stays(log: &Connection) -> rusqlite::Result<bool> {
    let mut find = log.prepare_cached("SELECT 1 FROM message LIMIT 1 OFFSET ?1")?;
    find.exists([to_sql(KEPT_MIN as u64)])
}

/// Where this step ends, if it begins with the oldest message and leaves those that stay.
fn end_of_oldest(log: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut find = log.prepare_cached(
        "SELECT MIN((SELECT MAX(position) + 1 FROM (SELECT position FROM message ORDER BY position LIMIT ?1)),
                    (SELECT MIN(position) FROM (SELECT position FROM message ORDER BY position DESC LIMIT ?2)))",
    )?;
    find.query_row(params![to_sql(STEP_ROWS_MAX), to_sql(KEPT_MIN as u64)], |row| row.get(0))
}

/// Takes away what lies before a position.
///
/// The log's beginning is the beginning of each room, so that what stays of a
/// room has no hole, whatever the nodes' clocks said.
fn prune(log: &Transaction<'_>, end: Option<i64>) -> rusqlite::Result<()> {
    // NOT INDEXED: by position, and not through the index of all rooms to group by.
    let mut mark = log.prepare_cached(
        "UPDATE room SET pruned = gone.seq
         FROM (SELECT room_id, MAX(seq) AS seq FROM message NOT INDEXED WHERE position < ?1 GROUP BY room_id) AS gone
         WHERE id = gone.room_id",
    )?;
    mark.execute([end])?;
    log.prepare_cached("DELETE FROM message WHERE position < ?1")?.execute([end])?;
    Ok(())
}

/// Moves what the WAL holds into the database. That keeps nobody waiting; only
/// when the WAL has become large it is also cut, under the lock.
fn checkpoint(connection: &Connection, lock: &SideLock, database: &Database) -> anyhow::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    if database.wal_bytes() <= WAL_BYTES_MAX {
        return Ok(());
    }
    let _held = lock.wait()?;
    connection.busy_timeout(CUT_PATIENCE)?;
    // It says in its row, not as an error, that readers were in the way: then it is for the next round.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.busy_timeout(WRITER_PATIENCE)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{
        chat::{
            model::{Draft, RoomName, Seq},
            ports::{Extent, MessageLog as _},
        },
        store::{
            contract::log::{append, draft, read},
            sqlite::tests::Fixture,
        },
    };

    const HOUR: Duration = Duration::from_secs(3_600);

    fn fixture(retention: Duration, nonce_ttl: Duration) -> Fixture {
        let mut fixture = Fixture::new();
        (fixture.settings.retention, fixture.settings.nonce_ttl) = (retention, nonce_ttl);
        fixture
    }

    /// Moves the fixture's clock and does one round; says whether it had its turn.
    fn round_after(fixture: &Fixture, time: Duration) -> bool {
        fixture.clock.set_after(time);
        let (_runs, stop) = mpsc::channel();
        let mut janitor = Janitor::new(fixture.database(), fixture.clock.clone(), &fixture.settings).unwrap();
        janitor.round(&stop).unwrap()
    }

    /// The same, after the log's own janitor if that has its turn just then.
    fn after(fixture: &Fixture, time: Duration) {
        while !round_after(fixture, time) {}
    }

    #[tokio::test]
    async fn a_round_takes_more_than_one_step() {
        let fixture = fixture(HOUR, HOUR);
        let log = fixture.open();
        let old = STEP_ROWS_MAX * 2 + 1;
        append(&*log, (0..old).map(|n| draft(&n.to_string(), "x")).collect()).await;
        after(&fixture, 2 * HOUR);
        let extent = log.extent(&RoomName::lobby()).await.unwrap();
        assert_eq!(extent, Extent { pruned: Seq(old), head: Seq(old) });
        let nonces: i64 =
            fixture.connection().query_row("SELECT COUNT(*) FROM nonce", [], |row| row.get(0)).unwrap();
        assert_eq!(nonces, 0);
    }

    #[tokio::test]
    async fn a_clock_that_is_days_ahead_costs_neither_history_nor_nonces() {
        let fixture = fixture(72 * HOUR, 72 * HOUR);
        let log = fixture.open();
        append(&*log, vec![draft("a", "x"), draft("b", "y")]).await;
        after(&fixture, 1_000 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "1:x 2:y");
        assert_eq!(append(&*log, vec![draft("a", "x")]).await, "=1");

        let now = UnixMs(draft("", "").at.0 + 1_000 * HOUR.as_millis() as u64);
        append(&*log, vec![Draft { at: now, ..draft("c", "z") }]).await;
        after(&fixture, 1_000 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "3:z", "the log bears it out");
        assert_eq!(append(&*log, vec![draft("a", "x")]).await, "4");
    }

    #[tokio::test]
    async fn pages_of_what_was_pruned_are_used_again_and_the_file_does_not_grow() {
        let mut fixture = fixture(Duration::ZERO, HOUR);
        fixture.settings.retention_bytes = 4 * 1024 * 1024;
        let (log, text) = (fixture.open(), "x".repeat(4_096));
        let fill = async || append(&*log, (0..500).map(|_| draft("", &text)).collect()).await;
        let bytes = || fixture.path().metadata().unwrap().len();
        for _ in 0..4 {
            fill().await;
            after(&fixture, Duration::ZERO);
        }
        let full = bytes();
        for _ in 0..8 {
            fill().await;
            after(&fixture, Duration::ZERO);
        }
        assert!(bytes() <= full + full / 2, "{} after {full}", bytes());
        assert!(log.extent(&RoomName::lobby()).await.unwrap().pruned > Seq(1_000));
    }

    #[tokio::test]
    async fn a_wal_that_nobody_reads_begins_anew_before_it_is_large() {
        let fixture = Fixture::new();
        let log = fixture.open();
        let text = "x".repeat(1024 * 1024);
        let mut largest = 0;
        for _ in 0..32 {
            append(&*log, (0..4).map(|_| draft("", &text)).collect()).await;
            largest = largest.max(fixture.database().wal_bytes());
        }
        assert!(largest < WAL_BYTES_MAX / 2, "{largest}");
    }

    #[tokio::test]
    async fn a_large_wal_is_cut() {
        let fixture = Fixture::new();
        let log = fixture.open();
        let text = "x".repeat(1024 * 1024);
        // Who reads keeps the WAL from beginning anew.
        let reader = fixture.connection();
        reader.execute_batch("BEGIN; SELECT COUNT(*) FROM message").unwrap();
        while fixture.database().wal_bytes() <= WAL_BYTES_MAX {
            append(&*log, (0..8).map(|_| draft("", &text)).collect()).await;
        }
        drop(reader);
        after(&fixture, HOUR);
        assert_eq!(fixture.database().wal_bytes(), 0);
        append(&*log, vec![draft("a", "x")]).await;
    }

    #[tokio::test]
    async fn one_janitor_works_at_a_time() {
        let fixture = fixture(HOUR, HOUR);
        let log = fixture.open();
        append(&*log, vec![draft("a", "x")]).await;
        let turn = fixture.database().janitor_lock().unwrap().wait().unwrap();
        assert!(!round_after(&fixture, 2 * HOUR));
        assert_eq!(read(&*log, "lobby", 0, 10).await, "1:x");
        drop(turn);
        after(&fixture, 2 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "");
    }

    #[tokio::test]
    async fn the_lock_is_free_between_two_steps() {
        let fixture = fixture(HOUR, HOUR);
        let log = fixture.open();
        append(&*log, (0..STEP_ROWS_MAX * 3).map(|_| draft("", "x")).collect()).await;
        let (database, steps) = (fixture.database(), std::cell::Cell::new(0));
        let (mut connection, lock) = (database.writer().unwrap(), database.lock().unwrap());
        let (_runs, stop) = mpsc::channel();
        let contender = database.lock().unwrap();
        let is_due = |log: &Connection| {
            assert!(contender.attempt().unwrap().is_some(), "it is held between the steps");
            steps.set(steps.get() + 1);
            has_old_message(log, UnixMs(u64::MAX))
        };
        let step = |log: &Transaction<'_>| {
            assert!(contender.attempt().unwrap().is_none(), "a step is made without the lock");
            prune(log, end_of_old(log, UnixMs(u64::MAX))?)
        };
        let mut taken =
            Steps { connection: &mut connection, lock: &lock, stop: &stop, pause: Duration::ZERO };
        taken.take(is_due, step).unwrap();
        assert_eq!(steps.get(), 4);
    }
}
