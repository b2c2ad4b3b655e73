//! How long to wait between two tries to read a log that is out.

use std::time::Duration;

/// The pause before the next try: each is twice the one before, up to a longest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry(Duration);

impl Retry {
    const MIN: Duration = Duration::from_millis(50);
    const MAX: Duration = Duration::from_secs(1);

    /// Before the second try.
    pub(super) const FIRST: Self = Self(Self::MIN);

    /// So long.
    pub(super) fn pause(self) -> Duration {
        self.0
    }

    /// The pause after this one.
    pub(super) fn next(self) -> Self {
        Self((self.0 * 2).min(Self::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_longest() {
        let pauses = std::iter::successors(Some(Retry::FIRST), |retry| Some(retry.next()));
        let pauses: Vec<_> = pauses.take(7).map(|retry| retry.pause().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
    }
}
