//! What a sender has to say, until it is answered: in its order, across refusals and connections.
//!
//! Pure: the moment is passed in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::identity::Said;

/// How the server took a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered for good, with an ack or a refusal.
    Settled,
    /// To be sent again after this time.
    Again(Duration),
}

struct Entry {
    said: Said,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    ack: u64,
    since: Instant,
}

/// Messages that wait or are under way. It is bounded by what the run offers.
pub struct Outbox {
    /// In the order in which they were offered. Settled ones are gone and the first that is not under
    /// way is sent next, so that those under way are among the first `window`.
    entries: VecDeque<Entry>,
    under_way: usize,
    window: usize,
    ack_timeout: Duration,
    /// After a refusal: nothing is sent before this, nor while anything is under way.
    pause: Option<Instant>,
    acks: u64,
}

impl Outbox {
    /// An outbox that has up to `window` messages under way, and sends again what is not answered in time.
    #[must_use]
    pub fn new(window: usize, ack_timeout: Duration) -> Self {
        Self { entries: VecDeque::new(), under_way: 0, window, ack_timeout, pause: None, acks: 0 }
    }

    /// Takes a message.
    pub fn push(&mut self, said: Said) {
        self.entries.push_back(Entry { said, under_way: None });
    }

    /// Messages that are not answered for good.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether all were answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of an ack that belongs to no message here, for another request.
    pub fn next_ack(&mut self) -> u64 {
        self.acks += 1;
        self.acks
    }

    /// The next message to send now, and the number of its ack.
    pub fn next(&mut self, now: Instant) -> Option<(u64, Said)> {
        if let Some(pause) = self.pause {
            if 0 < self.under_way || now < pause {
                return None;
            }
            self.pause = None;
        }
        if self.window <= self.under_way {
            return None;
        }
        let ack = self.acks + 1;
        let entry = self.entries.iter_mut().find(|entry| entry.under_way.is_none())?;
        entry.under_way = Some(UnderWay { ack, since: now });
        let said = entry.said;
        self.under_way += 1;
        self.acks = ack;
        Some((ack, said))
    }

    /// Takes an answer. `None` if nothing waits for it any more.
    pub fn answered(&mut self, ack: u64, now: Instant, outcome: Outcome) -> Option<Said> {
        let waits = |entry: &Entry| entry.under_way.as_ref().is_some_and(|under_way| under_way.ack == ack);
        let place = self.entries.iter().position(waits)?;
        let said = self.entries[place].said;
        self.under_way -= 1;
        match outcome {
            Outcome::Settled => drop(self.entries.remove(place)),
            Outcome::Again(after) => self.hold(place, now + after),
        }
        Some(said)
    }

    fn hold(&mut self, place: usize, until: Instant) {
        self.entries[place].under_way = None;
        self.pause = Some(self.pause.map_or(until, |pause| pause.max(until)));
    }

    /// Takes back what was not answered in time.
    pub fn expire(&mut self, now: Instant) {
        for place in 0..self.entries.len().min(self.window) {
            let late = |under_way: &UnderWay| self.ack_timeout <= now - under_way.since;
            if self.entries[place].under_way.as_ref().is_some_and(late) {
                self.under_way -= 1;
                self.hold(place, now);
            }
        }
    }

    /// The connection is gone, and the answers with it.
    pub fn disconnected(&mut self) {
        for entry in self.entries.iter_mut().take(self.window) {
            entry.under_way = None;
        }
        (self.under_way, self.pause) = (0, None);
    }

    /// When something is to be done, if nothing happens before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        if let Some(pause) = self.pause.filter(|_| self.under_way == 0) {
            return Some(pause);
        }
        let under_way = self.entries.iter().take(self.window).filter_map(|entry| entry.under_way.as_ref());
        Some(under_way.map(|under_way| under_way.since).min()? + self.ack_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    const TIMEOUT: Duration = Duration::from_secs(10);
    const SECOND: Duration = Duration::from_secs(1);

    fn outbox(window: usize, count: u32) -> Outbox {
        let mut outbox = Outbox::new(window, TIMEOUT);
        for number in 0..count {
            outbox.push(Said { id: Identity { sender: 0, number }, due_us: 0 });
        }
        outbox
    }

    /// Sends all that may be sent, and returns the messages' numbers and their acks.
    fn sent(outbox: &mut Outbox, now: Instant) -> (Vec<u32>, Vec<u64>) {
        std::iter::from_fn(|| outbox.next(now)).map(|(ack, said)| (said.id.number, ack)).unzip()
    }

    #[test]
    fn a_window_is_under_way_and_answers_make_room() {
        let (mut outbox, now) = (outbox(2, 4), Instant::now());
        let (numbers, acks) = sent(&mut outbox, now);
        assert_eq!(numbers, [0, 1]);
        assert_eq!(outbox.answered(acks[1], now, Outcome::Settled).unwrap().id.number, 1);
        assert_eq!(sent(&mut outbox, now).0, [2]);
        assert!(outbox.answered(acks[1], now, Outcome::Settled).is_none());
        assert_eq!(outbox.len(), 3);
    }

    #[test]
    fn after_a_refusal_all_is_sent_again_in_its_order_once_all_was_answered() {
        let (mut outbox, now) = (outbox(3, 5), Instant::now());
        let (_, acks) = sent(&mut outbox, now);
        outbox.answered(acks[0], now, Outcome::Again(SECOND));
        assert!(sent(&mut outbox, now + TIMEOUT / 2).0.is_empty(), "two are under way");
        outbox.answered(acks[1], now, Outcome::Again(Duration::ZERO));
        outbox.answered(acks[2], now, Outcome::Settled);
        assert_eq!(outbox.wake_at(), Some(now + SECOND));
        assert!(sent(&mut outbox, now).0.is_empty(), "it was asked to wait");
        assert_eq!(sent(&mut outbox, now + SECOND).0, [0, 1, 3]);
    }

    #[test]
    fn what_is_not_answered_in_time_is_sent_again_before_what_follows() {
        let (mut outbox, now) = (outbox(1, 2), Instant::now());
        let (_, acks) = sent(&mut outbox, now);
        outbox.expire(now + SECOND);
        assert_eq!(outbox.wake_at(), Some(now + TIMEOUT));
        outbox.expire(now + TIMEOUT);
        let (numbers, again) = sent(&mut outbox, now + TIMEOUT);
        assert_eq!(numbers, [0]);
        assert!(
            outbox.answered(acks[0], now, Outcome::Settled).is_none(),
            "that answer is no longer waited for"
        );
        assert!(outbox.answered(again[0], now, Outcome::Settled).is_some());
    }

    #[test]
    fn on_a_new_connection_all_is_sent_again() {
        let (mut outbox, now) = (outbox(2, 3), Instant::now());
        let (_, acks) = sent(&mut outbox, now);
        outbox.answered(acks[0], now, Outcome::Again(SECOND));
        outbox.disconnected();
        assert_eq!(sent(&mut outbox, now).0, [0, 1]);
    }
}
