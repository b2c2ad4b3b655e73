//! Whether the bus is up, and who is told when that changes.

use std::sync::{Mutex, PoisonError};

use crate::telemetry::metrics;

/// One half of the bus.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    Publisher,
    Subscriber,
}

/// What is known of both halves; `None` before the first connection was tried.
#[derive(Default)]
pub(super) struct Health([Mutex<Option<bool>>; 2]);

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
        self.is_half_up(Half::Publisher) && self.is_half_up(Half::Subscriber)
    }

    pub(super) fn is_half_up(&self, half: Half) -> bool {
        *self.0[half as usize].lock().unwrap_or_else(PoisonError::into_inner) == Some(true)
    }

    /// Whether this is news.
    fn set(&self, half: Half, up: bool) -> bool {
        let before = self.0[half as usize].lock().unwrap_or_else(PoisonError::into_inner).replace(up);
        metrics::bus_up(self.is_up());
        before != Some(up)
    }
}
