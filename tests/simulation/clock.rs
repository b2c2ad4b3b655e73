//! A node's clock, which may be set.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use chorus::chat::{model::UnixMs, ports};
use tokio::time::Instant;

use crate::{dice::Dice, history::History, tally::Effect, weather::Weather};

/// When a world begins, by a clock that is right.
const BEGIN_MS: i64 = 1_800_000_000_000;
/// A clock is set by up to ten days.
pub(crate) const JUMP_MS_MAX: u64 = 864_000_000;

/// The clock of one machine: it outlives its node.
pub(crate) struct Clock {
    began: Instant,
    node: usize,
    offset_ms: AtomicI64,
    weather: Arc<Weather>,
    history: Arc<History>,
    dice: Mutex<Dice>,
}

impl Clock {
    pub(crate) fn new(
        began: Instant,
        node: usize,
        weather: Arc<Weather>,
        history: Arc<History>,
        dice: Dice,
    ) -> Arc<Self> {
        Arc::new(Self { began, node, offset_ms: AtomicI64::new(0), weather, history, dice: Mutex::new(dice) })
    }

    /// Sets it forward, or back.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    fn jump_somewhere(&self) {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        self.jump(dice.between(0, 2 * JUMP_MS_MAX) as i64 - JUMP_MS_MAX as i64);
        self.history.struck(Effect::ClockRestless, self.node);
    }
}

impl ports::Clock for Clock {
    fn now(&self) -> UnixMs {
        if self.weather.rages(Effect::ClockRestless, self.node) {
            self.jump_somewhere();
        }
        let passed = self.began.elapsed().as_millis() as i64;
        let now = BEGIN_MS + passed + self.offset_ms.load(Ordering::Relaxed);
        UnixMs(u64::try_from(now).unwrap_or(0))
    }
}
