//! Decides when a room's members are woken: at once, or, in a busy large room, for several messages together.
//!
//! A message costs one wake-up and one write per member, however small it is, and messages that wait together leave in
//! one write. So a room spaces its wake-ups to take about a tenth of a core, up to a longest wait; a small or quiet room
//! never waits. Pure: the clock is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// The CPU time of waking one member and writing to it, roughly.
const MEMBER_COST: Duration = Duration::from_micros(8);
/// The pause after a wake-up, as a multiple of its cost.
const PAUSE_FACTOR: u32 = 10;
/// The longest that a message waits for others: about one frame of a screen.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// The timer's resolution: a shorter pause is none.
const TICK: Duration = Duration::from_millis(1);

/// Spaces the wake-ups of one room.
#[derive(Debug, Default)]
pub struct WakeThrottle {
    last_wake: Option<Instant>,
    is_scheduled: bool,
}

/// What to do when a room has grown.
#[derive(Debug, PartialEq, Eq)]
pub enum Wake {
    /// Wake its members.
    Now,
    /// Wake them at this time, and then call [`WakeThrottle::woke`].
    At(Instant),
    /// Nothing: a wake-up is already scheduled.
    Scheduled,
}

impl WakeThrottle {
    /// Decides for a room that has grown.
    pub fn grew(&mut self, members: usize, now: Instant) -> Wake {
        if self.is_scheduled {
            return Wake::Scheduled;
        }
        let members = u32::try_from(members).unwrap_or(u32::MAX);
        let pause = (MEMBER_COST * PAUSE_FACTOR).saturating_mul(members).min(WAIT_MAX);
        let at = self.last_wake.map(|last| last + pause).filter(|at| TICK <= pause && now < *at);
        match at {
            Some(at) => {
                self.is_scheduled = true;
                Wake::At(at)
            }
            None => {
                self.last_wake = Some(now);
                Wake::Now
            }
        }
    }

    /// Records that the scheduled wake-up takes place now.
    pub fn woke(&mut self, now: Instant) {
        *self = Self { last_wake: Some(now), is_scheduled: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages come at these times, in milliseconds. Returns the times at which members are woken.
    fn wakes(members: usize, comes: &[u64]) -> Vec<u64> {
        let begin = Instant::now();
        let (mut throttle, mut due, mut woken) = (WakeThrottle::default(), None, Vec::new());
        let ms = |at: Instant| u64::try_from((at - begin).as_millis()).unwrap();
        for come in comes {
            let now = begin + Duration::from_millis(*come);
            if let Some(at) = due.take_if(|at| *at <= now) {
                throttle.woke(at);
                woken.push(ms(at));
            }
            match throttle.grew(members, now) {
                Wake::Now => woken.push(*come),
                Wake::At(at) => due = Some(at),
                Wake::Scheduled => assert!(due.is_some()),
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
