//! The janitor thread: deletes expired nonces and messages, updates the search index, and checkpoints the WAL.
//!
//! One node's janitor works at a time.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    chat::{model::UnixMs, ports::Clock},
    config,
    store::{
        retention::{KEPT_MIN, Retention},
        sqlite::{
            file::{
                database::{Database, WRITER_BUSY_TIMEOUT, used_bytes},
                lock::FileLock,
            },
            maintenance::{index, pruning, retention_clock::RetentionClock, steps::Steps},
        },
    },
};

/// The pause between rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(2);

/// A larger WAL is truncated, and commits have to wait for that.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a truncation waits for readers.
const TRUNCATE_BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// The state of the janitor thread.
pub(crate) struct Janitor {
    database: Database,
    clock: Arc<dyn Clock>,
    retention_clock: RetentionClock,
    retention: Retention,
    janitor_lock: FileLock,
    writer_lock: FileLock,
    connection: Option<Connection>,
    /// The log was larger than `log.retention_bytes` with nothing left to prune, and a warning was logged.
    has_warned: bool,
}

impl Janitor {
    pub(crate) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        settings: &config::Log,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            janitor_lock: database.janitor_lock()?,
            writer_lock: database.writer_lock()?,
            database,
            clock,
            retention_clock: RetentionClock::default(),
            retention: Retention::new(settings),
            connection: None,
            has_warned: false,
        })
    }

    /// Works until the other end of `stop` is dropped.
    pub(crate) fn run(mut self, stop: &Receiver<()>) {
        while stop.recv_timeout(ROUND_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if let Err(error) = self.round(stop) {
                self.connection = None;
                let error = format!("{error:#}");
                tracing::warn!(
                    error,
                    "the message log could not be pruned, indexed or checkpointed; trying again"
                );
            }
        }
    }

    /// Does what is due now; returns false without doing anything if another node's janitor is at work.
    pub(crate) fn round(&mut self, stop: &Receiver<()>) -> anyhow::Result<bool> {
        let Some(_guard) = self.janitor_lock.try_acquire()? else { return Ok(false) };
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(self.database.writer()?),
        };
        let newest = pruning::newest(connection)?;
        let now = self.retention_clock.limit(self.clock.now(), newest, Instant::now());
        let mut steps = Steps::new(connection, &self.writer_lock, stop);
        delete_expired(&mut steps, &self.retention, now)?;
        if let Some(bytes_max) = self.retention.bytes_max() {
            let is_stuck = prune_to_size(&mut steps, bytes_max)?;
            if is_stuck && !self.has_warned {
                tracing::warn!(
                    "the message log stays larger than log.retention_bytes: nonces are kept for log.nonce_ttl, \
                     and the newest {KEPT_MIN} messages always; change one of the two settings"
                );
            }
            self.has_warned = is_stuck;
        }
        steps.run(index::has_pruned_rows, |log| index::remove_pruned_rows(log))?;
        steps.run(index::is_behind, |log| index::advance(log))?;
        checkpoint(steps.connection, &self.writer_lock, &self.database)?;
        Ok(true)
    }
}

fn delete_expired(steps: &mut Steps<'_>, retention: &Retention, now: UnixMs) -> anyhow::Result<()> {
    let before = retention.nonces_before(now);
    steps.run(|log| pruning::has_expired_nonce(log, before), |log| pruning::delete_nonces(log, before))?;
    let Some(before) = retention.messages_before(now) else { return Ok(()) };
    steps.run(
        |log| pruning::has_expired_message(log, before),
        |log| pruning::prune(log, pruning::end_of_expired(log, before)?),
    )
}

/// Prunes the oldest messages while the log is too large; returns whether it is and no more may be pruned.
fn prune_to_size(steps: &mut Steps<'_>, bytes_max: u64) -> anyhow::Result<bool> {
    let is_too_large = |log: &Connection| used_bytes(log).map(|used| bytes_max < used);
    steps.run(
        |log| Ok(is_too_large(log)? && pruning::has_more_than_kept(log)?),
        |log| pruning::prune(log, pruning::end_of_oldest(log)?),
    )?;
    Ok(is_too_large(steps.connection)? && !pruning::has_more_than_kept(steps.connection)?)
}

/// Moves the WAL's pages into the database, which delays nobody. A large WAL is then truncated under the lock.
fn checkpoint(connection: &Connection, writer_lock: &FileLock, database: &Database) -> anyhow::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    if database.wal_bytes() <= WAL_BYTES_MAX {
        return Ok(());
    }
    let _guard = writer_lock.acquire()?;
    connection.busy_timeout(TRUNCATE_BUSY_TIMEOUT)?;
    // If readers are in the way, its row says so and it does not fail: the next round tries again.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
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
            sqlite::{maintenance::pruning::STEP_ROWS_MAX, testing::Fixture},
        },
    };

    const HOUR: Duration = Duration::from_secs(3_600);

    fn fixture(retention: Duration, nonce_ttl: Duration) -> Fixture {
        let mut fixture = Fixture::new();
        (fixture.settings.retention, fixture.settings.nonce_ttl) = (retention, nonce_ttl);
        fixture
    }

    /// Sets the fixture's clock and does one round; returns false if another janitor was at work.
    fn round_after(fixture: &Fixture, time: Duration) -> bool {
        fixture.clock.set_after(time);
        let (_running, stop) = mpsc::channel();
        fixture.janitor().round(&stop).unwrap()
    }

    /// The same, repeated while the log's own janitor is at work.
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
        assert_eq!(read(&*log, "lobby", 0, 10).await, "3:z", "the newest message confirms the clock");
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
        // A reader keeps the WAL from starting over.
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
        let guard = fixture.database().janitor_lock().unwrap().acquire().unwrap();
        assert!(!round_after(&fixture, 2 * HOUR));
        assert_eq!(read(&*log, "lobby", 0, 10).await, "1:x");
        drop(guard);
        after(&fixture, 2 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "");
    }
}
