//! The time by which a log forgets: the clock's, as far as the log bears it out.

use std::time::{Duration, Instant};

use crate::chat::model::UnixMs;

/// How far the clock is believed beyond the newest that the log holds.
const LEAP_MAX: Duration = Duration::from_secs(24 * 3_600);

/// What bears the clock out: the newest of the log, and how long there has been nothing newer.
///
/// Whatever is read of a clock that is days ahead, everything looks old, and would be forgotten at once
/// and for good. So a day may have passed unnoticed, and beyond it as much as this process lived through.
/// While nothing is stored and no node runs, what is to be forgotten waits for as long as that took.
#[derive(Debug, Default)]
pub(crate) struct RetentionClock {
    newest: Option<(UnixMs, Instant)>,
}

impl RetentionClock {
    /// The time to go by, where the clock says `now`, and the newest of the log is from `newest`; `seen` is
    /// when that was read, by a clock that nobody sets.
    pub(crate) fn believed(&mut self, now: UnixMs, newest: UnixMs, seen: Instant) -> UnixMs {
        let since = match self.newest {
            Some((known, since)) if known == newest => since,
            _ => seen,
        };
        self.newest = Some((newest, since));
        let passed = LEAP_MAX + seen.duration_since(since);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        now.min(UnixMs(newest.0.saturating_add(passed_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    /// Asks in turn: (hours by the clock, hours of the newest, hours that this process ran). Answers in hours.
    fn trace(looks: &[(u64, u64, u64)]) -> Vec<u64> {
        let (mut calendar, start) = (RetentionClock::default(), Instant::now());
        let look = |(clock, newest, ran): &(u64, u64, u64)| {
            let seen = start + Duration::from_millis(ran * HOUR);
            calendar.believed(UnixMs(clock * HOUR), UnixMs(newest * HOUR), seen).0 / HOUR
        };
        looks.iter().map(look).collect()
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
