//! Keeps the file small: checkpoints the WAL, forgets old nonces, prunes old messages.
//!
//! One janitor of all nodes works at a time, in small steps with the lock let
//! go between them, so that no commit waits long for it.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{
    database::Database,
    lock::SideLock,
    place::{from_sql, to_sql},
};
use crate::{chat::ports::Clock, config};

/// Pause between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(2);

/// Rows that one transaction takes away.
const STEP_ROWS_MAX: usize = 500;

/// Transactions of one kind in a round; what is left over waits for the next.
const STEPS_MAX: usize = 50;

/// A larger WAL is cut to nothing, which commits have to wait for.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Waits for readers no longer than this when it cuts the WAL.
const CUT_PATIENCE: Duration = Duration::from_millis(100);

/// What the thread owns.
pub(super) struct Janitor {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) nonce_ttl: Duration,
    /// Zero keeps messages for ever.
    pub(super) retention: Duration,
    /// Among the janitors of all nodes.
    turn: SideLock,
    /// Among all who write.
    lock: SideLock,
    connection: Option<Connection>,
}

impl Janitor {
    pub(super) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        settings: &config::Log,
    ) -> anyhow::Result<Self> {
        let (turn, lock) = (database.janitor_lock()?, database.lock()?);
        let (nonce_ttl, retention) = (settings.nonce_ttl, settings.retention);
        Ok(Self { database, clock, nonce_ttl, retention, turn, lock, connection: None })
    }

    /// Works until the other end of `stop` is dropped.
    pub(super) fn work(mut self, stop: &Receiver<()>) {
        while stop.recv_timeout(ROUND_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if let Err(error) = self.round(stop) {
                self.connection = None;
                tracing::warn!(error = format!("{error:#}"), "the message log could not be tidied up");
            }
        }
    }

    /// Does what is to be done now, if no other node does.
    fn round(&mut self, stop: &Receiver<()>) -> anyhow::Result<()> {
        let Some(_turn) = self.turn.attempt()? else { return Ok(()) };
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(self.database.writer()?),
        };
        let is_stopped = || stop.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected);

        let now = self.clock.now().0;
        let before = |age: Duration| now.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        in_steps(connection, &self.lock, before(self.nonce_ttl), has_old_nonce, forget_nonces, &is_stopped)?;
        if !self.retention.is_zero() {
            in_steps(connection, &self.lock, before(self.retention), has_old_message, prune, &is_stopped)?;
        }
        checkpoint(connection, &self.lock, &self.database)
    }
}

/// Takes away what is older than `before`, in steps.
fn in_steps(
    connection: &mut Connection,
    lock: &SideLock,
    before: u64,
    is_due: fn(&Connection, u64) -> rusqlite::Result<bool>,
    step: fn(&Transaction<'_>, u64, usize) -> rusqlite::Result<()>,
    is_stopped: &impl Fn() -> bool,
) -> anyhow::Result<()> {
    for _ in 0..STEPS_MAX {
        // Asked without the lock: mostly there is nothing to do.
        if is_stopped() || !is_due(connection, before)? {
            break;
        }
        let _held = lock.wait()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step(&transaction, before, STEP_ROWS_MAX)?;
        transaction.commit()?;
    }
    Ok(())
}

fn has_old_nonce(connection: &Connection, before: u64) -> rusqlite::Result<bool> {
    let mut find = connection.prepare_cached("SELECT 1 FROM nonce WHERE at < ?1 LIMIT 1")?;
    find.exists([to_sql(before)])
}

fn forget_nonces(transaction: &Transaction<'_>, before: u64, limit: usize) -> rusqlite::Result<()> {
    let mut find = transaction
        .prepare_cached("SELECT room_id, author_id, nonce FROM nonce WHERE at < ?1 ORDER BY at LIMIT ?2")?;
    let keys = find.query_map(params![to_sql(before), to_sql(limit as u64)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let keys = keys.collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    // One by one: for a list of whole keys SQLite would walk through all nonces of each room.
    let mut delete = transaction
        .prepare_cached("DELETE FROM nonce WHERE room_id = ?1 AND author_id = ?2 AND nonce = ?3")?;
    for key in keys {
        delete.execute(key)?;
    }
    Ok(())
}

/// Whether the oldest message of all, in the order of the log, is old.
fn has_old_message(connection: &Connection, before: u64) -> rusqlite::Result<bool> {
    let mut find = connection.prepare_cached("SELECT at FROM message ORDER BY position LIMIT 1")?;
    let at: Option<i64> = find.query_row([], |row| row.get(0)).optional()?;
    Ok(at.is_some_and(|at| from_sql(at) < before))
}

/// Takes away the oldest messages up to the first that is not old.
///
/// The log's beginning is the beginning of each room, so that what stays of a
/// room has no hole, whatever the nodes' clocks said. A message from a
/// clock that runs ahead keeps those behind it until its own time has come.
fn prune(transaction: &Transaction<'_>, before: u64, limit: usize) -> rusqlite::Result<()> {
    let mut find = transaction.prepare_cached(
        "SELECT COALESCE(MIN(CASE WHEN ?1 <= at THEN position END), MAX(position) + 1)
         FROM (SELECT position, at FROM message ORDER BY position LIMIT ?2)",
    )?;
    // None of an empty log: then nothing is before it.
    let end: Option<i64> = find.query_row(params![to_sql(before), to_sql(limit as u64)], |row| row.get(0))?;
    // NOT INDEXED: by position, and not through the index of all rooms to group by.
    let mut mark = transaction.prepare_cached(
        "UPDATE room SET pruned = gone.seq
         FROM (SELECT room_id, MAX(seq) AS seq FROM message NOT INDEXED WHERE position < ?1 GROUP BY room_id) AS gone
         WHERE id = gone.room_id",
    )?;
    mark.execute([end])?;
    transaction.prepare_cached("DELETE FROM message WHERE position < ?1")?.execute([end])?;
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
    connection.busy_timeout(super::database::WRITER_PATIENCE)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{atomic::Ordering, mpsc};

    use super::*;
    use crate::{
        chat::{
            ports::{Extent, MessageLog as _},
            types::{Draft, RoomName, Seq, UnixMs},
        },
        store::{
            contract::{append, draft, read, to},
            sqlite::tests::Fixture,
        },
    };

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Moves the fixture's clock and does one round.
    fn after(fixture: &Fixture, time: Duration) {
        fixture.clock.0.store(draft("", "x").at.0 + time.as_millis() as u64, Ordering::Relaxed);
        let (_runs, stop) = mpsc::channel();
        let mut janitor = Janitor::new(fixture.database(), fixture.clock.clone(), &fixture.settings).unwrap();
        janitor.round(&stop).unwrap();
    }

    fn later(time: Duration, draft: Draft) -> Draft {
        Draft { at: UnixMs(draft.at.0 + time.as_millis() as u64), ..draft }
    }

    fn fixture(retention: Duration, nonce_ttl: Duration) -> Fixture {
        let mut fixture = Fixture::new();
        (fixture.settings.retention, fixture.settings.nonce_ttl) = (retention, nonce_ttl);
        fixture
    }

    #[tokio::test]
    async fn what_is_pruned_is_the_beginning_of_each_room() {
        let fixture = fixture(HOUR, 10 * HOUR);
        let log = fixture.open();
        let run = vec![
            draft("a", "old"),
            to("den", draft("b", "old")),
            draft("c", "old"),
            later(HOUR, draft("d", "young")),
            draft("e", "old, but after one that is not"),
        ];
        assert_eq!(append(&*log, run).await, "1 1 2 3 4");

        after(&fixture, HOUR + Duration::from_millis(1));
        let extent = async |room: &str| log.extent(&room.parse().unwrap()).await.unwrap();
        assert_eq!(extent("lobby").await, Extent { pruned: Seq(2), head: Seq(4) });
        assert_eq!(extent("den").await, Extent { pruned: Seq(1), head: Seq(1) });
        assert_eq!(read(&*log, "lobby", 0, 1).await, "3:young");
        assert_eq!(read(&*log, "den", 0, 1).await, "");

        let position = log.position().await.unwrap();
        after(&fixture, 3 * HOUR);
        assert_eq!(extent("lobby").await, Extent { pruned: Seq(4), head: Seq(4) });
        assert_eq!(log.position().await.unwrap(), position);
        assert_eq!(
            append(&*log, vec![draft("a", "old"), draft("a", "new"), draft("f", "new")]).await,
            "=1 ! 5"
        );
        assert!(position < log.position().await.unwrap(), "no position is given twice");
    }

    #[tokio::test]
    async fn without_a_retention_messages_stay() {
        let fixture = fixture(Duration::ZERO, HOUR);
        let log = fixture.open();
        append(&*log, vec![draft("a", "x")]).await;
        after(&fixture, 1_000_000 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "1:x");
    }

    #[tokio::test]
    async fn a_nonce_is_remembered_for_its_time() {
        let fixture = fixture(Duration::ZERO, HOUR);
        let log = fixture.open();
        assert_eq!(append(&*log, vec![draft("a", "x"), later(HOUR, draft("b", "x"))]).await, "1 2");
        after(&fixture, HOUR);
        assert_eq!(append(&*log, vec![draft("a", "x"), draft("b", "x")]).await, "=1 =2");
        after(&fixture, HOUR + Duration::from_millis(1));
        assert_eq!(append(&*log, vec![draft("a", "x"), draft("b", "x")]).await, "3 =2");
    }

    #[tokio::test]
    async fn a_round_takes_more_than_one_step() {
        let fixture = fixture(HOUR, HOUR);
        let log = fixture.open();
        let old = STEP_ROWS_MAX * 2 + 1;
        append(&*log, (0..old).map(|n| draft(&n.to_string(), "x")).collect()).await;
        after(&fixture, 2 * HOUR);
        let extent = log.extent(&RoomName::lobby()).await.unwrap();
        assert_eq!(extent, Extent { pruned: Seq(old as u64), head: Seq(old as u64) });
        let nonces: i64 =
            fixture.connection().query_row("SELECT COUNT(*) FROM nonce", [], |row| row.get(0)).unwrap();
        assert_eq!(nonces, 0);
    }

    #[tokio::test]
    async fn a_large_wal_is_cut() {
        let fixture = Fixture::new();
        let log = fixture.open();
        let text = "x".repeat(1024 * 1024);
        while fixture.database().wal_bytes() <= WAL_BYTES_MAX {
            append(&*log, (0..8).map(|_| draft("", &text)).collect()).await;
        }
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
        after(&fixture, 2 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "1:x");
        drop(turn);
        after(&fixture, 2 * HOUR);
        assert_eq!(read(&*log, "lobby", 0, 10).await, "");
    }
}
