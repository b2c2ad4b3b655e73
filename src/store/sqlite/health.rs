//! Whether the log can be written and read, as far as the last tries told: asked without waiting for anything.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Who waits longer for the lock between processes waits for one that is frozen.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(1);

/// A look at the log that lasts longer does not come to an end.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What the writer and the sweep's watcher know, for all to see.
pub(crate) struct Health {
    failed: AtomicBool,
    /// When the writer began to wait for the lock.
    waiting: Since,
    look_failed: AtomicBool,
    /// When the watcher began to look at the log.
    looking: Since,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            failed: AtomicBool::new(false),
            waiting: Since::never(),
            look_failed: AtomicBool::new(false),
            looking: Since::never(),
        }
    }

    pub(crate) fn is_writable(&self) -> bool {
        !self.has_failed() && self.waiting.elapsed() < LOCK_WAIT_MAX
    }

    /// Whether the last transaction failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn committed(&self) {
        if self.failed.swap(false, Ordering::Relaxed) {
            tracing::info!("the message log can be written again");
        }
    }

    pub(crate) fn failed(&self, cause: &str) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            tracing::error!(error = cause, "the message log cannot be written");
        }
    }

    /// Runs `wait`, which takes the lock.
    pub(crate) fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.waiting.during(wait)
    }

    /// Whether the watcher's last look succeeded, and no later one hangs.
    pub(crate) fn is_readable(&self) -> bool {
        !self.look_failed.load(Ordering::Relaxed) && self.looking.elapsed() < LOOK_MAX
    }

    /// Runs `look`, which reads the log. Who asked for it tells of its failure.
    pub(crate) fn while_looking<T>(&self, look: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let result = self.looking.during(look);
        self.look_failed.store(result.is_err(), Ordering::Relaxed);
        result
    }
}

/// When something began that one thread does at a time, for all to see.
struct Since {
    /// In milliseconds after `start`; [`Self::NEVER`] if it is not under way.
    began_ms: AtomicU64,
    start: Instant,
}

impl Since {
    const NEVER: u64 = u64::MAX;

    fn never() -> Self {
        Self { began_ms: AtomicU64::new(Self::NEVER), start: Instant::now() }
    }

    fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.began_ms.store(self.now_ms(), Ordering::Relaxed);
        let result = work();
        self.began_ms.store(Self::NEVER, Ordering::Relaxed);
        result
    }

    /// How long it has been under way; nothing if it is not.
    fn elapsed(&self) -> Duration {
        match self.began_ms.load(Ordering::Relaxed) {
            Self::NEVER => Duration::ZERO,
            began => Duration::from_millis(self.now_ms().saturating_sub(began)),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(Self::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::{
        chat::{model::LogPosition, ports::MessageLog as _},
        store::sqlite::tests::Fixture,
    };

    #[test]
    fn a_log_is_readable_as_the_last_look_tells_and_while_one_does_not_hang() {
        let health = Health::new();
        assert!(health.is_readable(), "nobody has looked yet");
        assert!(health.while_looking(|| -> anyhow::Result<()> { bail!("no") }).is_err());
        assert!(!health.is_readable());
        let during = health.while_looking(|| Ok(health.is_readable())).unwrap();
        assert!(!during && health.is_readable(), "it counts when it has ended");

        let start = Instant::now().checked_sub(LOOK_MAX).unwrap();
        let health = Health { looking: Since { start, ..Since::never() }, ..Health::new() };
        let begins = health.while_looking(|| Ok(health.is_readable())).unwrap();
        let hangs = health.while_looking(|| {
            health.looking.began_ms.store(0, Ordering::Relaxed);
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
