//! The system's wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::chat::{model::UnixMs, ports::Clock};

/// The system's wall clock, the only place that reads it.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
