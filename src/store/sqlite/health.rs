//! Whether the log can be written and read, judged by the latest attempts.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A wait for the writer lock that lasts longer means that the process that holds it is frozen.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(1);

/// A poll for changes that lasts longer hangs.
const POLL_MAX: Duration = Duration::from_secs(5);

/// Written by the writer and the change poller, and read by anyone without waiting.
pub(crate) struct Health {
    write_failed: AtomicBool,
    lock_wait: Stopwatch,
    poll_failed: AtomicBool,
    poll: Stopwatch,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            write_failed: AtomicBool::new(false),
            lock_wait: Stopwatch::stopped(),
            poll_failed: AtomicBool::new(false),
            poll: Stopwatch::stopped(),
        }
    }

    pub(crate) fn is_writable(&self) -> bool {
        !self.has_write_failed() && self.lock_wait.elapsed() < LOCK_WAIT_MAX
    }

    /// Whether the latest transaction failed.
    pub(crate) fn has_write_failed(&self) -> bool {
        self.write_failed.load(Ordering::Relaxed)
    }

    pub(crate) fn record_commit(&self) {
        if self.write_failed.swap(false, Ordering::Relaxed) {
            tracing::info!("the message log can be written again");
        }
    }

    pub(crate) fn record_write_failure(&self, cause: &str) {
        if !self.write_failed.swap(true, Ordering::Relaxed) {
            tracing::error!(error = cause, "the message log cannot be written");
        }
    }

    pub(crate) fn track_lock_wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.lock_wait.time(wait)
    }

    /// Whether the latest finished poll succeeded and none hangs.
    pub(crate) fn is_readable(&self) -> bool {
        !self.poll_failed.load(Ordering::Relaxed) && self.poll.elapsed() < POLL_MAX
    }

    /// Runs `poll` and records its result. The caller reports the error.
    pub(crate) fn track_poll<T>(&self, poll: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let result = self.poll.time(poll);
        self.poll_failed.store(result.is_err(), Ordering::Relaxed);
        result
    }
}

/// Shows other threads how long the current call of one thread has lasted.
struct Stopwatch {
    /// In milliseconds after `origin`; [`Self::STOPPED`] between calls.
    started_ms: AtomicU64,
    origin: Instant,
}

impl Stopwatch {
    const STOPPED: u64 = u64::MAX;

    fn stopped() -> Self {
        Self { started_ms: AtomicU64::new(Self::STOPPED), origin: Instant::now() }
    }

    fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        self.started_ms.store(self.now_ms(), Ordering::Relaxed);
        let result = call();
        self.started_ms.store(Self::STOPPED, Ordering::Relaxed);
        result
    }

    /// Zero between calls.
    fn elapsed(&self) -> Duration {
        match self.started_ms.load(Ordering::Relaxed) {
            Self::STOPPED => Duration::ZERO,
            started => Duration::from_millis(self.now_ms().saturating_sub(started)),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(Self::STOPPED)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::{
        chat::{model::LogPosition, ports::MessageLog as _},
        store::sqlite::testing::Fixture,
    };

    #[test]
    fn a_log_is_readable_as_the_last_poll_tells_and_while_one_does_not_hang() {
        let health = Health::new();
        assert!(health.is_readable(), "nobody has polled yet");
        assert!(health.track_poll(|| -> anyhow::Result<()> { bail!("no") }).is_err());
        assert!(!health.is_readable());
        let during = health.track_poll(|| Ok(health.is_readable())).unwrap();
        assert!(!during && health.is_readable(), "it counts when it has ended");

        let origin = Instant::now().checked_sub(POLL_MAX).unwrap();
        let health = Health { poll: Stopwatch { origin, ..Stopwatch::stopped() }, ..Health::new() };
        let begins = health.track_poll(|| Ok(health.is_readable())).unwrap();
        let hangs = health.track_poll(|| {
            health.poll.started_ms.store(0, Ordering::Relaxed);
            Ok(health.is_readable())
        });
        assert!(begins && !hangs.unwrap() && health.is_readable());
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_looked_at_is_not_readable_until_it_can() {
        let fixture = Fixture::new();
        let log = fixture.open();
        let rename = |from, to| {
            let sql = format!("UPDATE meta SET key = '{to}' WHERE key = '{from}'");
            fixture.connection().execute(&sql, []).unwrap();
        };
        rename("epoch", "lost");
        assert!(log.changes_since(LogPosition(0)).await.is_err());
        assert!(!log.is_readable());
        rename("lost", "epoch");
        log.changes_since(LogPosition(0)).await.unwrap();
        assert!(log.is_readable());
    }
}
