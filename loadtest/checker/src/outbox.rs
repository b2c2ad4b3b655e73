//! A sender's queue of unanswered messages, which keeps their order across retries and reconnects.
//!
//! Pure: the caller passes the time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::identity::StampedMessage;

/// What an answer means for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Final: acked or refused for good.
    Settled,
    /// Retryable: send it again after this time.
    RetryAfter(Duration),
}

struct Entry {
    message: StampedMessage,
    in_flight: Option<InFlight>,
}

struct InFlight {
    ack: u64,
    since: Instant,
}

/// Waiting and in-flight messages. Only the run's schedule bounds it.
pub struct Outbox {
    /// In the order of offering. The first entry that is not in flight is sent next, so those in flight are
    /// among the first `window`.
    entries: VecDeque<Entry>,
    in_flight: usize,
    window: usize,
    ack_timeout: Duration,
    /// After a retryable error: nothing is sent before this time, nor while anything is in flight.
    pause: Option<Instant>,
    last_ack: u64,
}

impl Outbox {
    /// Creates an outbox with up to `window` messages in flight, which are retried after `ack_timeout`.
    #[must_use]
    pub fn new(window: usize, ack_timeout: Duration) -> Self {
        Self { entries: VecDeque::new(), in_flight: 0, window, ack_timeout, pause: None, last_ack: 0 }
    }

    /// Appends a message.
    pub fn push(&mut self, message: StampedMessage) {
        self.entries.push_back(Entry { message, in_flight: None });
    }

    /// Messages without a final answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether every message has a final answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Allocates an ack id for a request other than a post.
    pub fn next_ack(&mut self) -> u64 {
        self.last_ack += 1;
        self.last_ack
    }

    /// Returns the next message to send now, with its ack id.
    pub fn next(&mut self, now: Instant) -> Option<(u64, StampedMessage)> {
        if let Some(pause) = self.pause {
            if 0 < self.in_flight || now < pause {
                return None;
            }
            self.pause = None;
        }
        if self.window <= self.in_flight {
            return None;
        }
        let ack = self.last_ack + 1;
        let entry = self.entries.iter_mut().find(|entry| entry.in_flight.is_none())?;
        entry.in_flight = Some(InFlight { ack, since: now });
        let message = entry.message;
        self.in_flight += 1;
        self.last_ack = ack;
        Some((ack, message))
    }

    /// Handles an answer and returns its message; `None` if no message waits for that ack.
    pub fn answered(&mut self, ack: u64, now: Instant, outcome: Outcome) -> Option<StampedMessage> {
        let waits = |entry: &Entry| entry.in_flight.as_ref().is_some_and(|in_flight| in_flight.ack == ack);
        let index = self.entries.iter().position(waits)?;
        let message = self.entries[index].message;
        self.in_flight -= 1;
        match outcome {
            Outcome::Settled => drop(self.entries.remove(index)),
            Outcome::RetryAfter(after) => self.retry(index, now + after),
        }
        Some(message)
    }

    /// Puts a message back in line and pauses sending until `until`.
    fn retry(&mut self, index: usize, until: Instant) {
        self.entries[index].in_flight = None;
        self.pause = Some(self.pause.map_or(until, |pause| pause.max(until)));
    }

    /// Puts messages back in line whose answer is overdue.
    pub fn expire(&mut self, now: Instant) {
        for index in 0..self.entries.len().min(self.window) {
            let late = |in_flight: &InFlight| self.ack_timeout <= now - in_flight.since;
            if self.entries[index].in_flight.as_ref().is_some_and(late) {
                self.in_flight -= 1;
                self.retry(index, now);
            }
        }
    }

    /// Puts all messages back in line after the connection was lost.
    pub fn disconnected(&mut self) {
        for entry in self.entries.iter_mut().take(self.window) {
            entry.in_flight = None;
        }
        (self.in_flight, self.pause) = (0, None);
    }

    /// When to call [`next`](Self::next) or [`expire`](Self::expire) again, if no answer comes first.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        if let Some(pause) = self.pause.filter(|_| self.in_flight == 0) {
            return Some(pause);
        }
        let in_flight = self.entries.iter().take(self.window).filter_map(|entry| entry.in_flight.as_ref());
        Some(in_flight.map(|in_flight| in_flight.since).min()? + self.ack_timeout)
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
            outbox.push(StampedMessage { id: Identity { sender: 0, number }, due_us: 0 });
        }
        outbox
    }

    /// Sends as much as possible; returns the messages' numbers and ack ids.
    fn sent(outbox: &mut Outbox, now: Instant) -> (Vec<u32>, Vec<u64>) {
        std::iter::from_fn(|| outbox.next(now)).map(|(ack, message)| (message.id.number, ack)).unzip()
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
        outbox.answered(acks[0], now, Outcome::RetryAfter(SECOND));
        assert!(sent(&mut outbox, now + TIMEOUT / 2).0.is_empty(), "two are in flight");
        outbox.answered(acks[1], now, Outcome::RetryAfter(Duration::ZERO));
        outbox.answered(acks[2], now, Outcome::Settled);
        assert_eq!(outbox.wake_at(), Some(now + SECOND));
        assert!(sent(&mut outbox, now).0.is_empty(), "the server asked to wait");
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
        assert!(outbox.answered(acks[0], now, Outcome::Settled).is_none(), "the first ack id is obsolete");
        assert!(outbox.answered(again[0], now, Outcome::Settled).is_some());
    }

    #[test]
    fn on_a_new_connection_all_is_sent_again() {
        let (mut outbox, now) = (outbox(2, 3), Instant::now());
        let (_, acks) = sent(&mut outbox, now);
        outbox.answered(acks[0], now, Outcome::RetryAfter(SECOND));
        outbox.disconnected();
        assert_eq!(sent(&mut outbox, now).0, [0, 1]);
    }
}
