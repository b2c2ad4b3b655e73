//! Whether the bus is up: each change is logged and sets the metric.

use std::sync::{Mutex, MutexGuard};

use crate::{sync::lock, telemetry::metrics};

/// One half of the bus.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Publisher,
    Subscriber,
}

/// Whether each half is connected; `None` before its first attempt.
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
                "the bus lost Redis; until it is back, messages reach other nodes by the sweep"
            );
        }
    }

    pub(super) fn is_up(&self) -> bool {
        *self.halves() == [Some(true); 2]
    }

    pub(super) fn is_half_up(&self, half: Half) -> bool {
        self.halves()[half as usize] == Some(true)
    }

    /// Returns whether the half's state has changed. The metric is set under the lock, so that it ends up right when
    /// both halves change at one time.
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
