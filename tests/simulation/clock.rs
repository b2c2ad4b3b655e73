//! A node's clock, which may be set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chorus::chat::{ports, types::UnixMs};
use tokio::time::Instant;

/// When a world begins, by a clock that is right.
const BEGIN_MS: i64 = 1_800_000_000_000;

/// The clock of one machine: it outlives its node.
pub(crate) struct Clock {
    began: Instant,
    offset_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn new(began: Instant) -> Arc<Self> {
        Arc::new(Self { began, offset_ms: AtomicI64::new(0) })
    }

    /// Sets it forward, or back.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl ports::Clock for Clock {
    fn now(&self) -> UnixMs {
        let passed = self.began.elapsed().as_millis() as i64;
        let now = BEGIN_MS + passed + self.offset_ms.load(Ordering::Relaxed);
        UnixMs(u64::try_from(now).unwrap_or(0))
    }
}
