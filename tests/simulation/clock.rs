//! A node's wall clock, which may be set.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use chorus::chat::{model::UnixMs, ports};
use tokio::time::Instant;

use crate::{active_faults::ActiveFaults, effects::Effect, history::History, rng::SeededRng};

/// When a simulation begins, by a correct clock.
const BEGIN_MS: i64 = 1_800_000_000_000;
/// A clock is set by at most ten days.
pub(crate) const JUMP_MS_MAX: u64 = 864_000_000;

/// One machine's clock. It outlives the node's instances.
pub(crate) struct Clock {
    began: Instant,
    node: usize,
    offset_ms: AtomicI64,
    faults: Arc<ActiveFaults>,
    history: Arc<History>,
    rng: Mutex<SeededRng>,
}

impl Clock {
    pub(crate) fn new(
        began: Instant,
        node: usize,
        faults: Arc<ActiveFaults>,
        history: Arc<History>,
        rng: SeededRng,
    ) -> Arc<Self> {
        Arc::new(Self { began, node, offset_ms: AtomicI64::new(0), faults, history, rng: Mutex::new(rng) })
    }

    /// Sets it forward or back.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    fn jump_randomly(&self) {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        self.jump(rng.between(0, 2 * JUMP_MS_MAX) as i64 - JUMP_MS_MAX as i64);
        self.history.took_effect(Effect::ClockErratic, self.node);
    }
}

impl ports::Clock for Clock {
    fn now(&self) -> UnixMs {
        if self.faults.is_active(Effect::ClockErratic, self.node) {
            self.jump_randomly();
        }
        let passed = self.began.elapsed().as_millis() as i64;
        let now = BEGIN_MS + passed + self.offset_ms.load(Ordering::Relaxed);
        UnixMs(u64::try_from(now).unwrap_or(0))
    }
}
