//! When a sender's messages are due.

use std::time::Duration;

/// One sender's schedule. Moments are microseconds since the traffic began.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Moments that are fixed beforehand: what the server does changes none of them.
    Fixed {
        /// The next one, as a place in the sequence of all senders' messages.
        next: u64,
        /// From one of this sender's to its next.
        step: u64,
        /// Messages a second of all senders together.
        rate: f64,
    },
    /// As soon as fewer than so many are unanswered.
    InFlight(usize),
    /// It only listens.
    Silent,
}

impl Pace {
    /// The schedule of sender `rank` of `senders` that share a rate.
    #[must_use]
    pub fn fixed(rank: u32, senders: u32, rate: f64) -> Self {
        Self::Fixed { next: rank.into(), step: senders.into(), rate }
    }

    /// The moment at which the next message is due, if that is known.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        match *self {
            // The sequence is far shorter than 2^53, and no moment is negative.
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "see above"
            )]
            Self::Fixed { next, rate, .. } => Some((next as f64 * 1e6 / rate) as u64),
            Self::InFlight(_) | Self::Silent => None,
        }
    }

    /// The moment of a message that is due at `now_us`, and takes it off the schedule. `unanswered` are
    /// the sender's messages that have no answer yet; nothing is due from `end` on.
    pub fn due(&mut self, now_us: u64, unanswered: usize, end: Duration) -> Option<u64> {
        let end_us = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        let due_us = self.next_us();
        match self {
            Self::Fixed { next, step, .. } => {
                let due_us = due_us.filter(|due_us| *due_us <= now_us && *due_us < end_us)?;
                *next += *step;
                Some(due_us)
            }
            Self::InFlight(window) => (unanswered < *window && now_us < end_us).then_some(now_us),
            Self::Silent => None,
        }
    }

    /// Whether nothing will be due any more.
    #[must_use]
    pub fn is_over(&self, now_us: u64, end: Duration) -> bool {
        let end_us = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        match self {
            Self::Fixed { .. } => self.next_us().is_none_or(|next_us| end_us <= next_us),
            Self::InFlight(_) => end_us <= now_us,
            Self::Silent => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Duration = Duration::from_secs(1);

    #[test]
    fn senders_share_a_rate_and_keep_to_it_however_late_they_are() {
        let mut all = Vec::new();
        for rank in 0..3 {
            let mut pace = Pace::fixed(rank, 3, 10.0);
            assert_eq!(pace.due(0, 0, END).is_some(), rank == 0);
            // Asked once only, at the very end.
            all.extend(std::iter::from_fn(|| pace.due(5_000_000, 1_000, END)));
            all.extend((rank == 0).then_some(0));
        }
        all.sort_unstable();
        assert_eq!(all, (0..10).map(|n| n * 100_000).collect::<Vec<u64>>());
    }

    #[test]
    fn a_window_is_filled_as_answers_come() {
        let mut pace = Pace::InFlight(2);
        assert_eq!(pace.due(7, 1, END), Some(7));
        assert_eq!(pace.due(7, 2, END), None);
        assert_eq!(pace.due(1_000_000, 0, END), None, "the traffic is over");
    }
}
