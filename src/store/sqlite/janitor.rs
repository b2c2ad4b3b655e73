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
    let mut delete = transaction.prepare_cached(
        "DELETE FROM nonce WHERE (room_id, author_id, nonce) IN
         (SELECT room_id, author_id, nonce FROM nonce WHERE at < ?1 ORDER BY at LIMIT ?2)",
    )?;
    delete.execute(params![to_sql(before), to_sql(limit as u64)])?;
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
    let mut mark = transaction.prepare_cached(
        "UPDATE room SET pruned = gone.seq
         FROM (SELECT room_id, MAX(seq) AS seq FROM message WHERE position < ?1 GROUP BY room_id) AS gone
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
