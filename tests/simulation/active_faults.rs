//! The faults that last for a while: until when each is active, by node or client.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::effects::Effect;

/// When each lasting fault of each node or client ends.
pub(crate) struct ActiveFaults {
    began: Instant,
    /// By effect, then by target, in milliseconds.
    ends: Vec<Vec<AtomicU64>>,
}

impl ActiveFaults {
    /// No active faults. `targets` is the number of nodes or of clients, whichever is larger.
    pub(crate) fn new(began: Instant, targets: usize) -> Self {
        let none = || (0..targets).map(|_| AtomicU64::new(0)).collect();
        Self { began, ends: Effect::ALL.iter().map(|_| none()).collect() }
    }

    pub(crate) fn begin(&self, effect: Effect, target: usize, duration: Duration) {
        let end = (self.began.elapsed() + duration).as_millis() as u64;
        self.ends[effect as usize][target].fetch_max(end, Ordering::Relaxed);
    }

    /// When this fault ends; in the past if it is not active.
    pub(crate) fn end(&self, effect: Effect, target: usize) -> Instant {
        self.began + Duration::from_millis(self.ends[effect as usize][target].load(Ordering::Relaxed))
    }

    pub(crate) fn is_active(&self, effect: Effect, target: usize) -> bool {
        Instant::now() < self.end(effect, target)
    }
}
