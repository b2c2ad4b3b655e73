//! Puts one room's messages in order.

use std::{collections::BTreeMap, sync::Arc};

use crate::chat::model::{Message, Seq};

/// Reorders one room's messages: takes them in any order, releases them by `seq`, each exactly once and without holes
/// (`a_room_shows_each_message_once_and_in_order_whatever_the_hints_do`).
///
/// Pure: no I/O, no clock. At most [`EARLY_MAX`](Self::EARLY_MAX) out-of-order messages are held; the rest are dropped
/// and read back from the log.
#[derive(Debug, Default)]
pub struct ReorderBuffer {
    /// Everything up to here is released.
    head: Seq,
    /// The log is known to reach this far.
    known: Seq,
    /// Came out of order; each is beyond the one after `head`.
    early: BTreeMap<Seq, Arc<Message>>,
}

impl ReorderBuffer {
    /// Out-of-order messages that are held.
    pub const EARLY_MAX: usize = 1_024;

    /// A buffer that has released everything up to `head`.
    #[must_use]
    pub fn at(head: Seq) -> Self {
        Self { head, known: head, early: BTreeMap::new() }
    }

    /// The newest seq that is released.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Takes a message that is in the log and returns those that are released by it.
    pub fn offer(&mut self, message: Arc<Message>) -> Vec<Arc<Message>> {
        self.learn(message.seq);
        if message.seq <= self.head {
            return Vec::new();
        }
        // The one that is due always fits: it leaves at once.
        if message.seq == self.head.next() || self.early.len() < Self::EARLY_MAX {
            self.early.insert(message.seq, message);
        }
        let mut ready = Vec::new();
        while let Some(message) = self.early.remove(&self.head.next()) {
            self.head = message.seq;
            ready.push(message);
        }
        ready
    }

    /// Learns that the log reaches as far as `seq`.
    pub fn learn(&mut self, seq: Seq) {
        self.known = self.known.max(seq);
    }

    /// How far the log reaches, if something up to there is missing.
    #[must_use]
    pub fn missing(&self) -> Option<Seq> {
        (self.head < self.known).then_some(self.known)
    }

    /// Skips everything up to `seq`, which the log holds or has pruned.
    pub fn skip_to(&mut self, seq: Seq) {
        self.head = self.head.max(seq);
        self.learn(seq);
        self.early = self.early.split_off(&self.head.next());
    }

    /// Gives up what is missing up to `known`: the log, read after that was learned, does not hold it. What was
    /// learned since is still missing.
    pub fn forget_missing(&mut self, known: Seq) {
        if self.known <= known {
            self.known = self.head;
            self.early.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chat::testing::{Dice, message};

    /// Offers each seq in turn to a buffer at `head` and writes what it released: `1,2`, or `?` while there is a hole.
    fn trace(head: u64, offers: &[u64]) -> String {
        let mut order = ReorderBuffer::at(Seq(head));
        let step = |seq: &u64| {
            let ready = order.offer(message("lobby", *seq));
            match (ready.is_empty(), order.missing()) {
                (true, Some(_)) => "?".to_owned(),
                (true, None) => "-".to_owned(),
                (false, _) => ready.iter().map(|m| m.seq.to_string()).collect::<Vec<_>>().join(","),
            }
        };
        offers.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_room_shows_what_comes_in_turn() {
        assert_eq!(trace(0, &[1, 2, 3]), "1 2 3");
        assert_eq!(trace(7, &[8, 9]), "8 9");
    }

    #[test]
    fn a_room_holds_back_what_comes_early() {
        assert_eq!(trace(0, &[2, 3, 1]), "? ? 1,2,3");
        assert_eq!(trace(0, &[3, 1, 2]), "? 1 2,3");
    }

    #[test]
    fn a_room_shows_a_repeat_once() {
        assert_eq!(trace(0, &[1, 1, 2, 1, 2]), "1 - 2 - -");
        assert_eq!(trace(0, &[2, 2, 1, 2]), "? ? 1,2 -");
    }

    #[test]
    fn the_one_that_is_due_fits_though_the_early_ones_are_many() {
        let mut order = ReorderBuffer::at(Seq::ZERO);
        let many = ReorderBuffer::EARLY_MAX as u64 + 10;
        for seq in (2..=many).rev() {
            assert!(order.offer(message("lobby", seq)).is_empty());
        }
        assert_eq!(order.missing(), Some(Seq(many)));
        assert_eq!(order.offer(message("lobby", 1)).len(), 1);
    }

    #[test]
    fn a_skip_forgets_what_it_passed_and_keeps_what_lies_beyond() {
        let mut order = ReorderBuffer::at(Seq::ZERO);
        assert!(order.offer(message("lobby", 5)).is_empty());
        assert!(order.offer(message("lobby", 9)).is_empty());
        order.skip_to(Seq(8));
        assert_eq!((order.head(), order.missing()), (Seq(8), Some(Seq(9))));
        assert!(order.offer(message("lobby", 5)).is_empty());
        assert_eq!(order.offer(message("lobby", 9)).len(), 1);
        assert_eq!(order.missing(), None);
    }

    /// One seeded run: a log grows; its hints are lost, repeated and late; at times the log cannot be read.
    fn schedule(seed: u64) -> Result<(), String> {
        let mut dice = Dice::new(seed);
        let total = 50 + dice.roll(150);
        let mut order = ReorderBuffer::at(Seq(dice.roll(5)));
        let (mut stored, mut shown) = (order.head().0, order.head().0);
        let mut hints: Vec<u64> = Vec::new();
        let mut show = |ready: Vec<Arc<Message>>| {
            for message in ready {
                if message.seq.0 != shown + 1 {
                    return Err(format!("seed {seed}: {} after {shown}", message.seq));
                }
                shown = message.seq.0;
            }
            Ok(())
        };
        while order.head().0 < total {
            match dice.roll(10) {
                0..=3 if stored < total => {
                    stored += 1;
                    hints.extend(vec![stored; [0, 1, 1, 2][dice.roll(4) as usize]]);
                }
                0..=7 if !hints.is_empty() => {
                    let late = hints.swap_remove(dice.roll(hints.len() as u64) as usize);
                    show(order.offer(message("lobby", late)))?;
                }
                // The sweep: it learns the head; the log answers, or cannot be read.
                _ => {
                    order.learn(Seq(stored));
                    let upto =
                        if dice.roll(4) == 0 { 0 } else { stored.min(order.head().0 + 1 + dice.roll(20)) };
                    for seq in order.head().0 + 1..=upto {
                        show(order.offer(message("lobby", seq)))?;
                    }
                }
            }
        }
        let all: BTreeSet<u64> = (1..=total).collect();
        if order.missing().is_none() && all.contains(&shown) && shown == total {
            Ok(())
        } else {
            Err(format!("seed {seed}: ended at {shown} of {total}"))
        }
    }

    #[test]
    fn a_room_shows_each_message_once_and_in_order_whatever_the_hints_do() {
        for seed in 0..5_000 {
            schedule(seed).unwrap();
        }
    }
}
