//! One room's order on this node, and one session's place in it.
//!
//! Pure: no I/O, no clock, so that every schedule can be tested by hand.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::types::{Message, Seq};

/// One room's place in its log, as this node may show it.
///
/// Messages go in as commits and hints bring them: repeated, reordered, some
/// missing. They come out in ascending [`Seq`], each exactly once, without a hole
/// (`a_room_shows_each_message_once_and_in_order_whatever_the_hints_do`).
#[derive(Debug, Default)]
pub struct RoomOrder {
    /// All up to here may be shown.
    head: Seq,
    /// The log is known to reach this far.
    known: Seq,
    /// Came before their turn; each is beyond `head`'s next.
    early: BTreeMap<Seq, Arc<Message>>,
}

impl RoomOrder {
    /// The most that wait for their turn. What comes beyond it is dropped here and read from the log.
    pub const EARLY_MAX: usize = 1_024;

    /// A room of which all up to `head` is in the log.
    #[must_use]
    pub fn at(head: Seq) -> Self {
        Self { head, known: head, early: BTreeMap::new() }
    }

    /// The newest place that may be shown.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Takes a message that is in the log and returns what may be shown now.
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

    /// Steps over all up to `seq`, which the log holds, or has pruned.
    pub fn skip_to(&mut self, seq: Seq) {
        self.head = self.head.max(seq);
        self.learn(seq);
        self.early = self.early.split_off(&self.head.next());
    }

    /// Gives up what is missing up to `known`: the log, asked after that became known, does not hold
    /// it. What became known since is still missing.
    pub fn forget_missing(&mut self, known: Seq) {
        if self.known <= known {
            self.known = self.head;
            self.early.clear();
        }
    }
}

/// The newest messages of a room, without holes, so that most cursors need no log.
#[derive(Debug)]
pub struct Tail {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
    limit: TailLimit,
}

/// How much of a room is kept in memory; the oldest go first.
#[derive(Clone, Copy, Debug)]
pub struct TailLimit {
    /// Messages.
    pub messages: usize,
    /// Bytes of text; one message stays, however large.
    pub bytes: usize,
}

impl Tail {
    /// An empty tail.
    #[must_use]
    pub fn new(limit: TailLimit) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, limit }
    }

    /// How many messages it holds.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// The bytes of their texts.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.bytes
    }

    /// Adds what [`RoomOrder::offer`] released. A message that does not follow the last one
    /// (the order skipped) starts the tail anew.
    pub fn push(&mut self, message: Arc<Message>) {
        if self.messages.back().is_some_and(|last| last.seq.next() != message.seq) {
            self.messages.clear();
            self.bytes = 0;
        }
        self.bytes += message.draft.text.as_str().len();
        self.messages.push_back(message);
        while self.limit.messages < self.messages.len()
            || (self.limit.bytes < self.bytes && 1 < self.messages.len())
        {
            let oldest = self.messages.pop_front().expect("a tail over its limit is not empty");
            self.bytes -= oldest.draft.text.as_str().len();
        }
    }

    /// Up to `limit` messages that follow `shown`; `None` if they are no longer, or not yet, here.
    #[must_use]
    pub fn after(&self, shown: Seq, limit: usize) -> Option<Vec<Arc<Message>>> {
        let first = self.messages.front()?.seq;
        let skip = usize::try_from(shown.next().0.checked_sub(first.0)?).ok()?;
        (skip < self.messages.len()).then(|| self.messages.iter().skip(skip).take(limit).cloned().collect())
    }
}

/// How a cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It was at the head: message by message.
    Live,
    /// It is behind: in pages, where the socket's protocol has them.
    CatchUp,
}

/// One session's place in one room: its client has all up to here.
///
/// It moves by what the socket took and by nothing else, so that what a full
/// socket drops is offered again
/// (`a_session_shows_each_message_once_and_in_order_whatever_its_socket_does`).
#[derive(Debug)]
pub struct Cursor {
    shown: Seq,
    pace: Pace,
}

impl Cursor {
    /// A cursor of a client that has all up to `shown`, and is behind until it was looked at.
    #[must_use]
    pub fn after(shown: Seq) -> Self {
        Self { shown, pace: Pace::CatchUp }
    }

    /// Its client has all up to here.
    #[must_use]
    pub fn shown(&self) -> Seq {
        self.shown
    }

    /// How it moves.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether the room has more; a cursor that has all is live.
    pub fn is_behind(&mut self, head: Seq) -> bool {
        let behind = self.shown < head;
        if !behind {
            self.pace = Pace::Live;
        }
        behind
    }

    /// Up to where messages are lost to its client, if `first` is the first one that is still there.
    #[must_use]
    pub fn lost_before(&self, first: Seq) -> Option<Seq> {
        let upto = Seq(first.0.saturating_sub(1));
        (self.shown < upto).then_some(upto)
    }

    /// Steps over what its client was told is lost.
    pub fn skip_to(&mut self, upto: Seq) {
        self.shown = self.shown.max(upto);
    }

    /// Moves by the messages that the socket took; none makes it one that catches up.
    pub fn took(&mut self, taken: &[Arc<Message>]) {
        match taken.last() {
            Some(last) => self.shown = last.seq,
            None => self.pace = Pace::CatchUp,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chat::{testing::message, types::Kind};

    /// Offers each seq in turn to a room at `head` and writes down what came out: `1,2` was shown, `?` is a hole.
    fn trace(head: u64, offers: &[u64]) -> String {
        let mut order = RoomOrder::at(Seq(head));
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
        let mut order = RoomOrder::at(Seq::ZERO);
        let many = RoomOrder::EARLY_MAX as u64 + 10;
        for seq in (2..=many).rev() {
            assert!(order.offer(message("lobby", seq)).is_empty());
        }
        assert_eq!(order.missing(), Some(Seq(many)));
        assert_eq!(order.offer(message("lobby", 1)).len(), 1);
    }

    #[test]
    fn a_skip_forgets_what_it_passed_and_keeps_what_lies_beyond() {
        let mut order = RoomOrder::at(Seq::ZERO);
        assert!(order.offer(message("lobby", 5)).is_empty());
        assert!(order.offer(message("lobby", 9)).is_empty());
        order.skip_to(Seq(8));
        assert_eq!((order.head(), order.missing()), (Seq(8), Some(Seq(9))));
        assert!(order.offer(message("lobby", 5)).is_empty());
        assert_eq!(order.offer(message("lobby", 9)).len(), 1);
        assert_eq!(order.missing(), None);
    }

    /// A small generator of numbers: the same seed gives the same schedule on every machine.
    pub(crate) struct Dice(u64);

    impl Dice {
        pub(crate) fn new(seed: u64) -> Self {
            Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
        }

        /// A number below `bound`, by xorshift64*.
        pub(crate) fn roll(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
        }
    }

    /// One seeded run: a log grows, its hints are lost, repeated and late, the log is out now and then.
    fn schedule(seed: u64) -> Result<(), String> {
        let mut dice = Dice::new(seed);
        let total = 50 + dice.roll(150);
        let mut order = RoomOrder::at(Seq(dice.roll(5)));
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
                // The sweep: it learns the head; the log answers, or is out.
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

    /// One seeded run: a room grows, its tail is short, its log is pruned, and a socket takes what it likes.
    fn session_schedule(seed: u64) -> Result<(), String> {
        let mut dice = Dice::new(seed);
        let (total, room_for) = (1 + dice.roll(120), 1 + dice.roll(10) as usize);
        let mut tail = Tail::new(TailLimit { messages: room_for, bytes: 1_000 });
        let (mut head, mut pruned) = (0, 0);
        let mut cursor = Cursor::after(Seq::ZERO);
        let mut client = 0;
        while client < total {
            if head < total && dice.roll(3) == 0 {
                head += 1;
                tail.push(message("lobby", head));
            }
            if dice.roll(60) == 0 {
                pruned = head.saturating_sub(dice.roll(20)).max(pruned);
            }
            if !cursor.is_behind(Seq(head)) {
                continue;
            }
            let limit = 1 + dice.roll(8) as usize;
            let from_log = || {
                let first = pruned.max(cursor.shown().0) + 1;
                (first..=head).take(limit).map(|seq| message("lobby", seq)).collect()
            };
            let offered = tail.after(cursor.shown(), limit).unwrap_or_else(from_log);
            let first = offered.first().map_or(Seq(head + 1), |first| first.seq);
            if let Some(lost) = cursor.lost_before(first) {
                cursor.skip_to(lost);
                if pruned < lost.0 || lost.0 <= client {
                    return Err(format!("seed {seed}: {lost} was not lost"));
                }
                client = lost.0;
            }
            let taken = &offered[..dice.roll(offered.len() as u64 + 1) as usize];
            for message in taken {
                if message.seq.0 != client + 1 {
                    return Err(format!("seed {seed}: {} after {client}", message.seq));
                }
                client = message.seq.0;
            }
            cursor.took(taken);
        }
        let level = !cursor.is_behind(Seq(total)) && cursor.pace() == Pace::Live;
        if level { Ok(()) } else { Err(format!("seed {seed}: not level at the end")) }
    }

    #[test]
    fn a_session_shows_each_message_once_and_in_order_whatever_its_socket_does() {
        for seed in 0..5_000 {
            session_schedule(seed).unwrap();
        }
    }

    #[test]
    fn a_tail_answers_for_what_it_holds_and_nothing_else() {
        let mut tail = Tail::new(TailLimit { messages: 3, bytes: 1_000 });
        let after = |tail: &Tail, shown: u64, limit: usize| -> Option<Vec<u64>> {
            tail.after(Seq(shown), limit).map(|found| found.iter().map(|m| m.seq.0).collect())
        };
        assert_eq!(after(&tail, 0, 9), None);
        for seq in 1..=5 {
            tail.push(message("lobby", seq));
        }
        assert_eq!(after(&tail, 1, 9), None, "2 has left");
        assert_eq!(after(&tail, 2, 9), Some(vec![3, 4, 5]));
        assert_eq!(after(&tail, 3, 1), Some(vec![4]));
        assert_eq!(after(&tail, 5, 9), None, "6 is not here yet");
        tail.push(message("lobby", 9));
        assert_eq!(after(&tail, 4, 9), None, "a skip starts anew");
        assert_eq!(after(&tail, 8, 9), Some(vec![9]));
    }

    #[test]
    fn a_tail_is_bounded_by_bytes_but_keeps_the_newest() {
        let mut tail = Tail::new(TailLimit { messages: 10, bytes: 4 });
        for seq in 1..=3 {
            tail.push(message("lobby", seq));
        }
        assert!(tail.after(Seq(2), 9).is_some());
        assert!(tail.after(Seq(1), 9).is_none(), "two texts of three bytes are over the limit");
        assert!(message("lobby", 1).draft.kind == Kind::text());
    }
}
