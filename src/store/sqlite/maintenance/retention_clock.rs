//! Retention clock: at most 24 h past the newest stored message, so that a wrong system clock cannot delete history.

use std::time::{Duration, Instant};

use crate::chat::model::UnixMs;

/// How far the system clock may be ahead of the newest entry of the log.
const LEAD_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Limits the system clock by the newest entry of the log.
///
/// By a clock that is days ahead, everything looks expired and would be deleted for good. So the time is limited to
/// the newest entry plus [`LEAD_MAX`] plus the time that this process has run since it first saw that entry. The
/// price: if nothing is stored and no node runs, expiry is delayed by that time.
#[derive(Debug, Default)]
pub(crate) struct RetentionClock {
    newest: Option<(UnixMs, Instant)>,
}

impl RetentionClock {
    /// The time for retention: the system clock says `now`, and the newest entry is from `newest`, as read at `read_at`
    /// of the monotonic clock.
    pub(crate) fn limit(&mut self, now: UnixMs, newest: UnixMs, read_at: Instant) -> UnixMs {
        let since = match self.newest {
            Some((known, since)) if known == newest => since,
            _ => read_at,
        };
        self.newest = Some((newest, since));
        let lead = LEAD_MAX + read_at.duration_since(since);
        let lead_ms = u64::try_from(lead.as_millis()).unwrap_or(u64::MAX);
        now.min(UnixMs(newest.0.saturating_add(lead_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    /// Limits times in turn, given as (system clock, newest entry, time that this process has run). All in hours.
    fn trace(steps: &[(u64, u64, u64)]) -> Vec<u64> {
        let (mut retention_clock, start) = (RetentionClock::default(), Instant::now());
        let limit = |(now, newest, ran): &(u64, u64, u64)| {
            let read_at = start + Duration::from_millis(ran * HOUR);
            retention_clock.limit(UnixMs(now * HOUR), UnixMs(newest * HOUR), read_at).0 / HOUR
        };
        steps.iter().map(limit).collect()
    }

    #[test]
    fn a_clock_near_the_newest_is_believed() {
        assert_eq!(
            trace(&[(100, 100, 0), (101, 100, 1), (101, 101, 1), (125, 101, 25)]),
            [100, 101, 101, 125]
        );
    }

    #[test]
    fn a_clock_that_is_days_ahead_is_believed_for_one() {
        assert_eq!(trace(&[(1_000, 100, 0), (1_001, 101, 1)]), [124, 125]);
        assert_eq!(trace(&[(100, 100, 0), (1_000, 100, 1)]), [100, 125]);
    }

    #[test]
    fn while_nothing_new_comes_time_goes_by_all_the_same() {
        assert_eq!(trace(&[(400, 100, 0), (450, 100, 50), (700, 100, 300)]), [124, 174, 424]);
    }

    #[test]
    fn a_clock_that_is_behind_makes_nothing_old() {
        assert_eq!(trace(&[(50, 100, 0), (51, 100, 1)]), [50, 51]);
    }
}
