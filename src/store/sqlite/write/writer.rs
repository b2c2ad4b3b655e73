//! The writer thread: commits all batches that wait as one group, in one transaction.
//!
//! A batch is answered `Ok` only after its commit, and `Busy` or `Unavailable` only if it is certainly not stored.
//! The locks are held for one short transaction at a time.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    chat::{
        model::Message,
        ports::{Appended, Commits},
    },
    store::sqlite::{
        file::{
            database::Database,
            lock::{FileLock, LockGuard},
        },
        health::Health,
        write::{
            failpoint,
            failure::{Failure, FailureExtent},
            queue::QueuedBatch,
            sequencer::Sequencer,
        },
    },
    telemetry::{metrics, trace},
};

/// A group takes batches until it has this many drafts
const GROUP_DRAFTS_MAX: usize = 512;

/// or this much text.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// The pause between probes while the latest transaction failed and no batch waits.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// The state of the writer thread.
pub(crate) struct Writer {
    pub(crate) batches: Receiver<QueuedBatch>,
    pub(crate) database: Database,
    /// `None` after a failure: a connection that failed is not used again.
    pub(crate) connection: Option<Connection>,
    pub(crate) lock: FileLock,
    pub(crate) health: Arc<Health>,
    pub(crate) commits: Commits,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        // A log that opens may not be writable: health must say so before the first append.
        self.probe();
        loop {
            match self.batches.recv_timeout(PROBE_INTERVAL) {
                Ok(first) => self.store_waiting(first),
                Err(RecvTimeoutError::Timeout) if self.health.has_write_failed() => self.probe(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Stores `first` and the batches that wait behind it.
    fn store_waiting(&mut self, first: QueuedBatch) {
        let guard = self.acquire_lock();
        // Claims come after the wait for the lock, so that a batch cancelled meanwhile is not stored.
        let group = collect_group(first, &self.batches);
        if !group.is_empty() {
            self.store(group, guard);
        }
    }

    /// Finds out whether the log can be written, by a transaction without batches.
    fn probe(&mut self) {
        let guard = self.acquire_lock();
        // `commit` records the result in the log's health.
        let _ = self.commit(&[], guard);
    }

    fn acquire_lock(&self) -> anyhow::Result<LockGuard> {
        let started = Instant::now();
        let guard = self.health.track_lock_wait(|| self.lock.acquire());
        metrics::lock_wait_seconds(started.elapsed().as_secs_f64());
        guard
    }

    /// Stores a group and replies to its callers.
    fn store(&mut self, group: Vec<QueuedBatch>, guard: anyhow::Result<LockGuard>) {
        match self.commit(&group, guard) {
            Ok(appended) => self.publish(group, appended),
            Err(failure) if failure.extent == FailureExtent::OneBatch && 1 < group.len() => {
                // One by one, so that a batch which the database refuses does not fail the others.
                for batch in group {
                    let guard = self.acquire_lock();
                    self.store(vec![batch], guard);
                }
            }
            Err(failure) => {
                for batch in group {
                    batch.into_parts().1.send(Err(failure.to_error()));
                }
            }
        }
    }

    /// Runs one transaction under the lock and records how it went. An empty group is a probe.
    fn commit(
        &mut self,
        group: &[QueuedBatch],
        guard: anyhow::Result<LockGuard>,
    ) -> Result<Vec<Vec<Appended>>, Failure> {
        let started = Instant::now();
        let result = guard.map_err(Failure::to_begin).and_then(|_guard| self.transact(group));
        let elapsed = started.elapsed();
        metrics::commit_seconds(elapsed.as_secs_f64());
        for message in trace::sampled(group.iter().flat_map(|batch| &batch.drafts)) {
            let drafts = group.iter().map(|batch| batch.drafts.len() as u64).sum();
            trace::child(message, "commit", elapsed, &[("chorus.drafts", drafts)]);
        }
        match &result {
            Ok(_) => {
                failpoint::after_commit(group);
                metrics::batch_messages(group.iter().map(|batch| batch.drafts.len()).sum());
                self.health.record_commit();
            }
            // Only this batch was refused: the log itself can be written.
            Err(failure) if failure.extent == FailureExtent::OneBatch => {}
            Err(failure) => {
                self.connection = None;
                self.health.record_write_failure(&format!("{:#}", failure.cause));
            }
        }
        result
    }

    fn transact(&mut self, group: &[QueuedBatch]) -> Result<Vec<Vec<Appended>>, Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert(self.database.writer().map_err(Failure::to_begin)?),
        };
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Failure::before_commit)?;
        let appended = write_group(&transaction, group).map_err(Failure::before_commit)?;
        failpoint::in_commit(group);
        let committed = transaction.commit();
        committed.map_err(|error| Failure::in_commit(error, connection.is_autocommit()))?;
        Ok(appended)
    }

    /// Sends the stored messages to the node, then the results to the callers.
    fn publish(&self, group: Vec<QueuedBatch>, appended: Vec<Vec<Appended>>) {
        let (mut stored, mut replies) = (Vec::new(), Vec::new());
        for (batch, appended) in group.into_iter().zip(appended) {
            let (drafts, reply) = batch.into_parts();
            for (draft, appended) in drafts.into_iter().zip(&appended) {
                if let Appended::Stored(receipt) = appended {
                    stored.push(Arc::new(Message { seq: receipt.seq, draft }));
                }
            }
            replies.push((reply, appended));
        }
        if !stored.is_empty() {
            // Never waits: the sweep finds what a full channel drops.
            let _ = self.commits.try_send(stored);
        }
        for (reply, appended) in replies {
            reply.send(Ok(appended));
        }
    }
}

/// Claims `first` and the batches behind it, up to the limits of a group, without the cancelled ones.
fn collect_group(first: QueuedBatch, batches: &Receiver<QueuedBatch>) -> Vec<QueuedBatch> {
    let (mut group, mut drafts, mut bytes) = (Vec::new(), 0, 0);
    let mut next = Some(first);
    while let Some(batch) = next {
        if batch.try_claim() {
            drafts += batch.drafts.len();
            bytes += batch.bytes;
            group.push(batch);
        }
        let is_full = GROUP_DRAFTS_MAX <= drafts || GROUP_BYTES_MAX <= bytes;
        next = if is_full { None } else { batches.try_recv().ok() };
    }
    group
}

/// Writes a group, or a probe if it is empty.
fn write_group(transaction: &Connection, group: &[QueuedBatch]) -> rusqlite::Result<Vec<Vec<Appended>>> {
    if group.is_empty() {
        let probe = "INSERT INTO meta (key, value) VALUES ('probe', 1)
            ON CONFLICT (key) DO UPDATE SET value = value + 1";
        transaction.execute(probe, [])?;
    }
    let mut sequencer = Sequencer::new(transaction)?;
    let mut append = |batch: &QueuedBatch| batch.drafts.iter().map(|draft| sequencer.append(draft)).collect();
    let appended = group.iter().map(&mut append).collect::<Result<_, _>>()?;
    sequencer.finish()?;
    Ok(appended)
}
