//! A node's life, which may end at any await point of any of its tasks.

use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use tokio_util::sync::CancellationToken;

/// Not doomed.
const NEVER: u64 = u64::MAX;

/// One life of a node; after its end the node begins another.
pub(crate) struct Life {
    /// How many polls of its tasks are left.
    polls_left: AtomicU64,
    /// The same, counted from its next commit on.
    polls_after_commit: AtomicU64,
    /// Batches that are committed and not published.
    unpublished: AtomicU64,
    /// Runs that are committed, and whose senders are not answered.
    unanswered: AtomicU64,
    over: CancellationToken,
}

impl Life {
    pub(crate) fn new() -> Self {
        let [polls_left, polls_after_commit] = [NEVER; 2].map(AtomicU64::new);
        let [unpublished, unanswered] = [0; 2].map(AtomicU64::new);
        Self { polls_left, polls_after_commit, unpublished, unanswered, over: CancellationToken::new() }
    }

    /// Ends it at the poll after so many.
    pub(crate) fn doom(&self, polls: u64) {
        self.polls_left.store(polls, Ordering::Relaxed);
    }

    /// Ends it so many polls after its next commit.
    pub(crate) fn doom_at_commit(&self, polls: u64) {
        self.polls_after_commit.store(polls, Ordering::Relaxed);
    }

    /// The node committed something that is to be published.
    pub(crate) fn committed(&self) {
        self.unpublished.fetch_add(1, Ordering::Relaxed);
        let polls = self.polls_after_commit.swap(NEVER, Ordering::Relaxed);
        if polls != NEVER {
            self.doom(polls);
        }
    }

    pub(crate) fn published(&self) {
        self.unpublished.fetch_sub(1, Ordering::Relaxed);
    }

    /// A committed run is to be answered, unless this is dropped before.
    pub(crate) fn owes_answer(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self) {
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it left something committed and not published, and something committed and not answered.
    pub(crate) fn left_undone(&self) -> (bool, bool) {
        let left = |count: &AtomicU64| 0 < count.load(Ordering::Relaxed);
        (left(&self.unpublished), left(&self.unanswered))
    }

    /// Lets it live on.
    pub(crate) fn spare(&self) {
        self.polls_left.store(NEVER, Ordering::Relaxed);
        self.polls_after_commit.store(NEVER, Ordering::Relaxed);
    }

    /// Done when it is over; the node's own tasks see it as their order to stop.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// Counts a poll; false if there is none left.
    fn goes_on(&self) -> bool {
        match self.polls_left.load(Ordering::Relaxed) {
            NEVER => {}
            0 => self.over.cancel(),
            left => self.polls_left.store(left - 1, Ordering::Relaxed),
        }
        !self.over.is_cancelled()
    }

    /// Does a node's work as long as the node lives. When that ends, no line of any of its tasks
    /// is run any more, and what they held is dropped in that same moment.
    pub(crate) async fn work<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let mut task = pin!(task);
        let counted =
            poll_fn(
                |context| {
                    if self.goes_on() { task.as_mut().poll(context).map(Some) } else { Poll::Ready(None) }
                },
            );
        self.over.run_until_cancelled(counted).await.flatten()
    }
}
