//! Pauses between attempts to read a log that is unavailable.

use std::time::Duration;

/// The pause before the next attempt. It doubles from 50 ms up to 1 s.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryDelay(Duration);

impl RetryDelay {
    const MIN: Duration = Duration::from_millis(50);
    const MAX: Duration = Duration::from_secs(1);

    pub(super) const FIRST: Self = Self(Self::MIN);

    pub(super) fn pause(self) -> Duration {
        self.0
    }

    pub(super) fn next(self) -> Self {
        Self((self.0 * 2).min(Self::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_longest() {
        let pauses = std::iter::successors(Some(RetryDelay::FIRST), |retry| Some(retry.next()));
        let pauses: Vec<_> = pauses.take(7).map(|retry| retry.pause().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
    }
}
