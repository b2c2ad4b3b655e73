//! Decides when a sender's messages are due.

use std::time::Duration;

/// One sender's schedule. All times are microseconds since sending started.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schedule {
    /// Open loop: the times are fixed in advance and do not depend on the server.
    FixedRate {
        /// The index of the next message among those of all senders.
        next: u64,
        /// The distance to this sender's message after that.
        step: u64,
        /// Messages per second of all senders together.
        rate: f64,
    },
    /// Closed loop: a message is due whenever fewer than this many are unanswered.
    InFlight(usize),
    /// The client sends nothing.
    ReceiveOnly,
}

impl Schedule {
    /// The schedule of sender `rank` of `senders`, which share `rate`.
    pub(crate) fn fixed_rate(rank: u32, senders: u32, rate: f64) -> Self {
        Self::FixedRate { next: rank.into(), step: senders.into(), rate }
    }

    /// When the next message is due, if the schedule fixes that.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        match *self {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a run has far fewer than 2^53 messages, and no time is negative"
            )]
            Self::FixedRate { next, rate, .. } => Some((next as f64 * 1e6 / rate) as u64),
            Self::InFlight(_) | Self::ReceiveOnly => None,
        }
    }

    /// Takes one message off the schedule, if one is due at `now_us`, and returns its due time.
    ///
    /// `unanswered` counts the sender's messages without an answer. Nothing is due from `end` on.
    pub(crate) fn take_due(&mut self, now_us: u64, unanswered: usize, end: Duration) -> Option<u64> {
        let end_us = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        let due_us = self.next_due_us();
        match self {
            Self::FixedRate { next, step, .. } => {
                let due_us = due_us.filter(|due_us| *due_us <= now_us && *due_us < end_us)?;
                *next += *step;
                Some(due_us)
            }
            Self::InFlight(window) => (unanswered < *window && now_us < end_us).then_some(now_us),
            Self::ReceiveOnly => None,
        }
    }

    pub(crate) fn is_finished(&self, now_us: u64, end: Duration) -> bool {
        let end_us = u64::try_from(end.as_micros()).unwrap_or(u64::MAX);
        match self {
            Self::FixedRate { .. } => self.next_due_us().is_none_or(|next_us| end_us <= next_us),
            Self::InFlight(_) => end_us <= now_us,
            Self::ReceiveOnly => true,
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
            let mut schedule = Schedule::fixed_rate(rank, 3, 10.0);
            assert_eq!(schedule.take_due(0, 0, END).is_some(), rank == 0);
            // The rest is taken late, after the end.
            all.extend(std::iter::from_fn(|| schedule.take_due(5_000_000, 1_000, END)));
            all.extend((rank == 0).then_some(0));
        }
        all.sort_unstable();
        assert_eq!(all, (0..10).map(|n| n * 100_000).collect::<Vec<u64>>());
    }

    #[test]
    fn a_window_is_filled_as_answers_come() {
        let mut schedule = Schedule::InFlight(2);
        assert_eq!(schedule.take_due(7, 1, END), Some(7));
        assert_eq!(schedule.take_due(7, 2, END), None);
        assert_eq!(schedule.take_due(1_000_000, 0, END), None, "sending is over");
    }
}
