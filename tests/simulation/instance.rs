//! One instance of a node, which may be killed at any await point of any of its tasks.

use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use tokio_util::sync::CancellationToken;

/// Not to be killed.
const NEVER: u64 = u64::MAX;

/// One instance of a node. After its end the node starts another.
pub(crate) struct Instance {
    /// How many polls of its tasks are left until it is killed.
    polls_left: AtomicU64,
    /// The same, counted from its next commit.
    polls_after_commit: AtomicU64,
    /// Batches that are committed and not yet published.
    unpublished: AtomicU64,
    /// Batches that are committed and not yet acked.
    unacked: AtomicU64,
    ended: CancellationToken,
}

impl Instance {
    pub(crate) fn new() -> Self {
        let [polls_left, polls_after_commit] = [NEVER; 2].map(AtomicU64::new);
        let [unpublished, unacked] = [0; 2].map(AtomicU64::new);
        Self { polls_left, polls_after_commit, unpublished, unacked, ended: CancellationToken::new() }
    }

    /// Kills it after this many polls.
    pub(crate) fn kill_after(&self, polls: u64) {
        self.polls_left.store(polls, Ordering::Relaxed);
    }

    /// Kills it this many polls after its next commit.
    pub(crate) fn kill_after_commit(&self, polls: u64) {
        self.polls_after_commit.store(polls, Ordering::Relaxed);
    }

    /// The node committed a batch, which must now be published.
    pub(crate) fn committed(&self) {
        self.unpublished.fetch_add(1, Ordering::Relaxed);
        let polls = self.polls_after_commit.swap(NEVER, Ordering::Relaxed);
        if polls != NEVER {
            self.kill_after(polls);
        }
    }

    pub(crate) fn published(&self) {
        self.unpublished.fetch_sub(1, Ordering::Relaxed);
    }

    /// The node committed a batch, which must now be acked.
    pub(crate) fn owes_ack(&self) {
        self.unacked.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn acked(&self) {
        self.unacked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it left something committed but unpublished, and something committed but unacked.
    pub(crate) fn unfinished(&self) -> (bool, bool) {
        let left = |count: &AtomicU64| 0 < count.load(Ordering::Relaxed);
        (left(&self.unpublished), left(&self.unacked))
    }

    /// Cancels a kill that has not happened yet.
    pub(crate) fn cancel_kill(&self) {
        self.polls_left.store(NEVER, Ordering::Relaxed);
        self.polls_after_commit.store(NEVER, Ordering::Relaxed);
    }

    /// Cancelled when it has ended. The node's own tasks take it for their stop signal.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Counts a poll. Returns false once it has ended.
    fn count_poll(&self) -> bool {
        match self.polls_left.load(Ordering::Relaxed) {
            NEVER => {}
            0 => self.ended.cancel(),
            left => self.polls_left.store(left - 1, Ordering::Relaxed),
        }
        !self.ended.is_cancelled()
    }

    /// Runs a task of the node until the instance ends. At that instant no task of it runs any further, and all are
    /// dropped.
    pub(crate) async fn run<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let mut task = pin!(task);
        let counted = poll_fn(|context| {
            if self.count_poll() { task.as_mut().poll(context).map(Some) } else { Poll::Ready(None) }
        });
        self.ended.run_until_cancelled(counted).await.flatten()
    }
}
