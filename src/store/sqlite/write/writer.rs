//! The one thread of a process that writes: it stores all that waits in one transaction.
//!
//! What it must keep: a run is answered `Ok` only after its commit, `Busy` or
//! `Unavailable` only if it is surely not stored, and the locks are held for one
//! short transaction at a time.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    chat::{
        model::Message,
        ports::{Appended, Commits},
    },
    store::sqlite::{
        file::{
            database::Database,
            lock::{Held, SideLock},
        },
        health::Health,
        write::{
            failpoint,
            failure::{Failure, FailureExtent},
            queue::Run,
            sequencer::Sequencer,
        },
    },
    telemetry::{metrics, trace},
};

/// A transaction takes runs until it has so many drafts,
const BATCH_DRAFTS_MAX: usize = 512;

/// or so much text.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Pause between two tries to write while the last one failed and nobody asks.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// What the thread owns.
pub(crate) struct Writer {
    pub(crate) runs: Receiver<Run>,
    pub(crate) database: Database,
    /// None after a failure: a connection that failed is not trusted again.
    pub(crate) connection: Option<Connection>,
    pub(crate) lock: SideLock,
    pub(crate) health: Arc<Health>,
    pub(crate) commits: Commits,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn work(mut self) {
        // A log that could be opened may still be one that cannot be written: said before anybody asks.
        self.probe();
        loop {
            match self.runs.recv_timeout(PROBE_INTERVAL) {
                Ok(first) => self.serve(first),
                Err(RecvTimeoutError::Timeout) if self.health.has_failed() => self.probe(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Stores `first` and all that waits with it.
    fn serve(&mut self, first: Run) {
        let held = self.take_lock();
        // Claimed only now: who gave up while the lock was waited for is not stored.
        let batch = claim(first, &self.runs);
        if !batch.is_empty() {
            self.store(batch, held);
        }
    }

    /// Finds out whether the log can be written.
    fn probe(&mut self) {
        let held = self.take_lock();
        // Failure is known already, and success is noted.
        let _ = self.commit(&[], held);
    }

    fn take_lock(&self) -> anyhow::Result<Held> {
        let started = Instant::now();
        let held = self.health.while_waiting(|| self.lock.wait());
        metrics::lock_wait_seconds(started.elapsed().as_secs_f64());
        held.context("cannot take the log's lock")
    }

    /// Stores a batch and tells everyone what became of it.
    fn store(&mut self, batch: Vec<Run>, held: anyhow::Result<Held>) {
        match self.commit(&batch, held) {
            Ok(appended) => self.tell(batch, appended),
            Err(failure) if failure.extent == FailureExtent::OneRun && 1 < batch.len() => {
                // So that a run which the database refuses takes no other with it.
                for run in batch {
                    let held = self.take_lock();
                    self.store(vec![run], held);
                }
            }
            Err(failure) => {
                for run in batch {
                    run.into_parts().1.send(Err(failure.to_error()));
                }
            }
        }
    }

    /// One transaction, without runs a probe. The lock goes with its end.
    fn commit(&mut self, batch: &[Run], held: anyhow::Result<Held>) -> Result<Vec<Vec<Appended>>, Failure> {
        let started = Instant::now();
        let result = held.map_err(Failure::to_begin).and_then(|_held| self.transact(batch));
        let lasted = started.elapsed();
        metrics::commit_seconds(lasted.as_secs_f64());
        for message in trace::sampled(batch.iter().flat_map(|run| &run.drafts)) {
            let drafts = batch.iter().map(|run| run.drafts.len() as u64).sum();
            trace::child(message, "commit", lasted, &[("chorus.drafts", drafts)]);
        }
        match &result {
            Ok(_) => {
                failpoint::after_commit(batch);
                metrics::batch_messages(batch.iter().map(|run| run.drafts.len()).sum());
                self.health.committed();
            }
            // The log is well; the run is told.
            Err(failure) if failure.extent == FailureExtent::OneRun => {}
            Err(failure) => {
                self.connection = None;
                self.health.failed(&format!("{:#}", failure.cause));
            }
        }
        result
    }

    fn transact(&mut self, batch: &[Run]) -> Result<Vec<Vec<Appended>>, Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(self.database.writer().map_err(Failure::to_begin)?),
        };
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Failure::before_commit)?;
        let appended = fill(&transaction, batch).map_err(Failure::before_commit)?;
        failpoint::in_commit(batch);
        let committed = transaction.commit();
        committed.map_err(|error| Failure::in_commit(error, connection.is_autocommit()))?;
        Ok(appended)
    }

    /// Tells the node what was stored, then the callers.
    fn tell(&self, batch: Vec<Run>, appended: Vec<Vec<Appended>>) {
        let (mut stored, mut replies) = (Vec::new(), Vec::new());
        for (run, appended) in batch.into_iter().zip(appended) {
            let (drafts, reply) = run.into_parts();
            for (draft, appended) in drafts.into_iter().zip(&appended) {
                if let Appended::Stored(receipt) = appended {
                    stored.push(Arc::new(Message { seq: receipt.seq, draft }));
                }
            }
            replies.push((reply, appended));
        }
        if !stored.is_empty() {
            // Never waits: what a full channel loses, the sweep brings.
            let _ = self.commits.try_send(stored);
        }
        for (reply, appended) in replies {
            reply.send(Ok(appended));
        }
    }
}

/// Takes `first` and what else waits, up to the limits, but for what was given up.
fn claim(first: Run, runs: &Receiver<Run>) -> Vec<Run> {
    let (mut batch, mut drafts, mut bytes) = (Vec::new(), 0, 0);
    let mut next = Some(first);
    while let Some(run) = next {
        if run.take() {
            drafts += run.drafts.len();
            bytes += run.bytes;
            batch.push(run);
        }
        let is_full = BATCH_DRAFTS_MAX <= drafts || BATCH_BYTES_MAX <= bytes;
        next = if is_full { None } else { runs.try_recv().ok() };
    }
    batch
}

/// Does a transaction's work.
fn fill(transaction: &Connection, batch: &[Run]) -> rusqlite::Result<Vec<Vec<Appended>>> {
    if batch.is_empty() {
        let probe = "INSERT INTO meta (key, value) VALUES ('probe', 1)
            ON CONFLICT (key) DO UPDATE SET value = value + 1";
        transaction.execute(probe, [])?;
    }
    let mut places = Sequencer::new(transaction)?;
    let mut place = |run: &Run| run.drafts.iter().map(|draft| places.place(draft)).collect();
    let appended = batch.iter().map(&mut place).collect::<Result<_, _>>()?;
    places.finish()?;
    Ok(appended)
}
