//! Whether the log can be written, as far as the last tries told.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Who waits longer for the lock between processes waits for one that is frozen.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(1);

/// What the writer knows, for all to see.
pub(super) struct Health {
    failed: AtomicBool,
    /// When the writer began to wait for the lock, in milliseconds after `start`; [`Self::NO_WAIT`] if it does not.
    waiting_since_ms: AtomicU64,
    start: Instant,
}

impl Health {
    const NO_WAIT: u64 = u64::MAX;

    pub(super) fn new() -> Self {
        Self {
            failed: AtomicBool::new(false),
            waiting_since_ms: AtomicU64::new(Self::NO_WAIT),
            start: Instant::now(),
        }
    }

    pub(super) fn is_writable(&self) -> bool {
        !self.has_failed() && self.lock_wait() < LOCK_WAIT_MAX
    }

    /// Whether the last transaction failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn committed(&self) {
        if self.failed.swap(false, Ordering::Relaxed) {
            tracing::info!("the message log can be written again");
        }
    }

    pub(super) fn failed(&self, cause: &str) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            tracing::error!(error = cause, "the message log cannot be written");
        }
    }

    /// Runs `wait`, which takes the lock.
    pub(super) fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waiting_since_ms.store(self.now_ms(), Ordering::Relaxed);
        let result = wait();
        self.waiting_since_ms.store(Self::NO_WAIT, Ordering::Relaxed);
        result
    }

    fn lock_wait(&self) -> Duration {
        match self.waiting_since_ms.load(Ordering::Relaxed) {
            Self::NO_WAIT => Duration::ZERO,
            since => Duration::from_millis(self.now_ms().saturating_sub(since)),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(Self::NO_WAIT)
    }
}
