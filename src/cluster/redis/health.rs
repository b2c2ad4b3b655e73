//! Whether the bus is up, and who is told when that changes.

use std::sync::{Mutex, MutexGuard};

use crate::{sync::lock, telemetry::metrics};

/// One half of the bus.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Publisher,
    Subscriber,
}

/// What is known of both halves; `None` before the first connection was tried.
#[derive(Default)]
pub(super) struct Health(Mutex<[Option<bool>; 2]>);

impl Health {
    pub(super) fn up(&self, half: Half) {
        if self.set(half, true) {
            tracing::info!(?half, "the bus is connected to Redis");
        }
    }

    pub(super) fn down(&self, half: Half, cause: &anyhow::Error) {
        if self.set(half, false) {
            let cause = format!("{cause:#}");
            tracing::warn!(
                ?half,
                cause,
                "the bus lost Redis; until it is back, messages cross nodes by the sweep"
            );
        }
    }

    pub(super) fn is_up(&self) -> bool {
        *self.halves() == [Some(true); 2]
    }

    pub(super) fn is_half_up(&self, half: Half) -> bool {
        self.halves()[half as usize] == Some(true)
    }

    /// Whether this is news. The metric is set under the lock: of two halves that
    /// come up at one time, the later one's word stands.
    fn set(&self, half: Half, up: bool) -> bool {
        let mut halves = self.halves();
        let before = halves[half as usize].replace(up);
        metrics::bus_up(*halves == [Some(true); 2]);
        before != Some(up)
    }

    fn halves(&self) -> MutexGuard<'_, [Option<bool>; 2]> {
        lock(&self.0)
    }
}
