//! Splits the janitor's work into short transactions, so that no commit waits long for the lock.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::sqlite::file::lock::FileLock;

/// Steps of one kind in a round; the rest waits for the next round.
const STEPS_MAX: usize = 50;

/// After a step the lock stays free for as long as the step held it, up to this.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// The steps of one round.
pub(super) struct Steps<'j> {
    pub(super) connection: &'j mut Connection,
    writer_lock: &'j FileLock,
    stop: &'j Receiver<()>,
    /// The pause before the next step.
    pause: Duration,
}

impl<'j> Steps<'j> {
    pub(super) fn new(
        connection: &'j mut Connection,
        writer_lock: &'j FileLock,
        stop: &'j Receiver<()>,
    ) -> Self {
        Self { connection, writer_lock, stop, pause: Duration::ZERO }
    }

    /// Repeats `step` while `is_due`, each time in a transaction of its own. The lock stays free in between: a process
    /// that takes it back at once is often quicker than the waiting ones.
    pub(super) fn run(
        &mut self,
        is_due: impl Fn(&Connection) -> rusqlite::Result<bool>,
        step: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> anyhow::Result<()> {
        for _ in 0..STEPS_MAX {
            let is_stopped = self.stop.recv_timeout(self.pause) == Err(RecvTimeoutError::Disconnected);
            self.pause = Duration::ZERO;
            // Checked without the lock: mostly nothing is due.
            if is_stopped || !is_due(self.connection)? {
                break;
            }
            let guard = self.writer_lock.acquire()?;
            let started = Instant::now();
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            step(&transaction)?;
            transaction.commit()?;
            drop(guard);
            self.pause = started.elapsed().min(PAUSE_MAX);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::mpsc};

    use super::*;
    use crate::{
        chat::model::UnixMs,
        store::{
            contract::log::{append, draft},
            sqlite::{
                maintenance::pruning::{STEP_ROWS_MAX, end_of_expired, has_expired_message, prune},
                testing::Fixture,
            },
        },
    };

    #[tokio::test]
    async fn the_lock_is_free_between_two_steps() {
        let mut fixture = Fixture::new();
        let hour = Duration::from_secs(3_600);
        (fixture.settings.retention, fixture.settings.nonce_ttl) = (hour, hour);
        let log = fixture.open();
        append(&*log, (0..STEP_ROWS_MAX * 3).map(|_| draft("", "x")).collect()).await;
        let (database, checks) = (fixture.database(), Cell::new(0));
        let (mut connection, writer_lock) = (database.writer().unwrap(), database.writer_lock().unwrap());
        let (_running, stop) = mpsc::channel();
        let contender = database.writer_lock().unwrap();
        let is_due = |log: &Connection| {
            assert!(contender.try_acquire().unwrap().is_some(), "it is held between the steps");
            checks.set(checks.get() + 1);
            has_expired_message(log, UnixMs(u64::MAX))
        };
        let step = |log: &Transaction<'_>| {
            assert!(contender.try_acquire().unwrap().is_none(), "a step is made without the lock");
            prune(log, end_of_expired(log, UnixMs(u64::MAX))?)
        };
        Steps::new(&mut connection, &writer_lock, &stop).run(is_due, step).unwrap();
        assert_eq!(checks.get(), 4);
    }
}
