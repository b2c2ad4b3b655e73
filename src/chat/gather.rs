//! When a room's members are woken: at once, or, in a room where that takes long, for several messages together.
//!
//! A message costs a wake-up and a write for each member, whatever it holds, and several that wait
//! for a socket leave in one write. So a room's wake-ups are spaced to take a tenth of a core, about, up to the longest
//! wait: a room of few members, or one where little is said, never waits. Pure: the clock is handed in.

use std::time::Duration;

use tokio::time::Instant;

/// What waking one member and writing to it takes, about, as CPU time.
const MEMBER: Duration = Duration::from_micros(8);
/// The pause after a wake-up is so many times as long as it takes.
const SHARE: u32 = 10;
/// The longest that messages wait for others, whatever the number of members: one frame of a screen, about.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// The clock's tick: less is no wait.
const TICK: Duration = Duration::from_millis(1);

/// One room's wake-ups.
#[derive(Debug, Default)]
pub struct Gather {
    /// When its members were woken last.
    woken: Option<Instant>,
    /// A wake-up is due.
    due: bool,
}

/// What is to be done when a room grew.
#[derive(Debug, PartialEq, Eq)]
pub enum Wake {
    /// Wake its members.
    Now,
    /// Wake them at this time, and say so by [`Gather::woke`].
    At(Instant),
    /// Nothing: a wake-up is due.
    Due,
}

impl Gather {
    /// The room has grown; the caller does what is said.
    pub fn grew(&mut self, members: usize, now: Instant) -> Wake {
        if self.due {
            return Wake::Due;
        }
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        let pause = (MEMBER * SHARE).saturating_mul(members).min(WAIT_MAX);
        let at = self.woken.map(|woken| woken + pause).filter(|at| TICK <= pause && now < *at);
        match at {
            Some(at) => {
                self.due = true;
                Wake::At(at)
            }
            None => {
                self.woken = Some(now);
                Wake::Now
            }
        }
    }

    /// The members are being woken as was said.
    pub fn woke(&mut self, now: Instant) {
        *self = Self { woken: Some(now), due: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages come at these times, in milliseconds; wake-ups that are due are done. Says when members are woken.
    fn wakes(members: usize, comes: &[u64]) -> Vec<u64> {
        let begin = Instant::now();
        let (mut gather, mut due, mut woken) = (Gather::default(), None, Vec::new());
        let ms = |at: Instant| u64::try_from((at - begin).as_millis()).unwrap();
        for come in comes {
            let now = begin + Duration::from_millis(*come);
            if let Some(at) = due.take_if(|at| *at <= now) {
                gather.woke(at);
                woken.push(ms(at));
            }
            match gather.grew(members, now) {
                Wake::Now => woken.push(*come),
                Wake::At(at) => due = Some(at),
                Wake::Due => assert!(due.is_some()),
            }
        }
        woken.extend(due.map(ms));
        woken
    }

    #[test]
    fn a_small_room_wakes_for_each_message() {
        assert_eq!(wakes(12, &[0, 0, 1, 1, 2]), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_large_room_wakes_at_once_and_then_for_what_came_meanwhile() {
        assert_eq!(wakes(100, &[0, 1, 2, 3, 4, 9, 10, 30]), [0, 8, 16, 30]);
        assert_eq!(wakes(100, &[0, 8, 16, 24]), [0, 8, 16, 24], "as slowly as that it never waits");
    }

    #[test]
    fn nobody_waits_longer_than_so_long() {
        assert_eq!(wakes(1_000_000, &[0, 1, 2, 22, 23, 60]), [0, 20, 40, 60]);
    }
}
