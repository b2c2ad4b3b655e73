//! Troubles that last for a while, by whom they are for.

use std::sync::atomic::{AtomicU64, Ordering};

use std::time::Duration;

use tokio::time::Instant;

use crate::tally::Effect;

/// When each trouble of each node, or client, ends.
pub(crate) struct Weather {
    began: Instant,
    /// By effect, by target: milliseconds.
    ends: Vec<Vec<AtomicU64>>,
}

impl Weather {
    /// Fine for so many nodes, or clients, whichever are more.
    pub(crate) fn new(began: Instant, targets: usize) -> Self {
        let fine = || (0..targets).map(|_| AtomicU64::new(0)).collect();
        Self { began, ends: Effect::ALL.iter().map(|_| fine()).collect() }
    }

    pub(crate) fn begin(&self, what: Effect, target: usize, time: Duration) {
        let end = (self.began.elapsed() + time).as_millis() as u64;
        self.ends[what as usize][target].fetch_max(end, Ordering::Relaxed);
    }

    /// When this trouble ends; in the past if there is none.
    pub(crate) fn end(&self, what: Effect, target: usize) -> Instant {
        self.began + Duration::from_millis(self.ends[what as usize][target].load(Ordering::Relaxed))
    }

    pub(crate) fn rages(&self, what: Effect, target: usize) -> bool {
        Instant::now() < self.end(what, target)
    }
}
