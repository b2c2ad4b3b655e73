//! The pause before the next attempt to connect.

use std::time::Duration;

/// Pauses that double from [`MIN`](Self::MIN) to [`MAX`](Self::MAX). Jitter shortens each by up to half, so that nodes
/// that lost Redis at one time do not all reconnect at one time.
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) const MIN: Duration = Duration::from_millis(50);
    pub(super) const MAX: Duration = Duration::from_secs(2);

    pub(super) fn new() -> Self {
        Self { next: Self::MIN }
    }

    /// The pause after an attempt that lasted for `took`. One that lasted longer than the longest pause, because it was
    /// connected or timed out, resets the backoff.
    pub(super) fn pause(&mut self, took: Duration, random: u32) -> Duration {
        if Self::MAX < took {
            self.next = Self::MIN;
        }
        let pause = self.next;
        self.next = (pause * 2).min(Self::MAX);
        pause - (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_anew_after_a_long_try() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..8).map(|_| backoff.pause(Duration::ZERO, 0).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(backoff.pause(Duration::from_secs(3), 0), Backoff::MIN);
    }

    #[test]
    fn chance_takes_up_to_half_of_a_pause() {
        assert_eq!(Backoff::new().pause(Duration::ZERO, u32::MAX), Backoff::MIN / 2);
    }
}
