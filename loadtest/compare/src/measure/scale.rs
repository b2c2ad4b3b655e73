//! How long and how large the measurements are.

use std::time::Duration;

/// The least sending time of loads in which connections break.
const BROKEN_DURATION_MIN: Duration = Duration::from_secs(6);
const IDLE_MANY: u64 = 20_000;

#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// For how long messages are sent.
    pub(crate) duration: Duration,
    /// Idle connections.
    pub(crate) idle_connections: usize,
    /// Large loads are divided by this.
    pub(crate) divisor: u64,
    /// The most connections; each is a file in the measuring and in the measured process.
    pub(crate) connections_max: u64,
}

impl Scale {
    /// The sending time of loads in which connections break.
    pub(crate) fn broken_duration(self) -> Duration {
        self.duration.max(BROKEN_DURATION_MIN)
    }

    /// Scales a large number of clients. At least two, so that each of two nodes has one.
    #[expect(clippy::cast_possible_truncation, reason = "client counts are far below 2^32")]
    pub(crate) fn clients(self, full: u64) -> usize {
        (full / self.divisor).clamp(2, self.connections_max) as usize
    }

    pub(crate) fn idle(self) -> anyhow::Result<usize> {
        Ok(self.idle_connections.min(usize::try_from(self.connections_max)?))
    }

    pub(crate) fn idle_many(self) -> anyhow::Result<usize> {
        Ok(usize::try_from((IDLE_MANY / self.divisor).min(self.connections_max))?)
    }
}
