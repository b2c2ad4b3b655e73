//! One session's position in one room: pure.

use std::sync::Arc;

use crate::chat::model::{Message, Seq};

/// How a cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It was at the head: message by message.
    Live,
    /// It is behind: in pages, if the socket's protocol has them.
    CatchUp,
}

/// One session's position in one room: its client has every message up to `shown`.
///
/// Only what the socket took moves it, so that what a full socket refuses is offered again
/// (`a_session_shows_each_message_once_and_in_order_whatever_its_socket_does`).
#[derive(Debug)]
pub struct Cursor {
    shown: Seq,
    pace: Pace,
}

impl Cursor {
    /// The cursor of a client that has everything up to `shown`. It counts as behind until it is first compared.
    #[must_use]
    pub fn after(shown: Seq) -> Self {
        Self { shown, pace: Pace::CatchUp }
    }

    /// The last seq that its client has.
    #[must_use]
    pub fn shown(&self) -> Seq {
        self.shown
    }

    /// How it moves.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Whether the room has more. If not, the cursor becomes live.
    pub fn is_behind(&mut self, head: Seq) -> bool {
        let behind = self.shown < head;
        if !behind {
            self.pace = Pace::Live;
        }
        behind
    }

    /// The last seq that its client has missed for good, if `first` is the first message that is still there.
    #[must_use]
    pub fn truncated_before(&self, first: Seq) -> Option<Seq> {
        let upto = first.previous();
        (self.shown < upto).then_some(upto)
    }

    /// Skips messages that are gone, once the client has been told.
    pub fn skip_to(&mut self, upto: Seq) {
        self.shown = self.shown.max(upto);
    }

    /// Moves past the messages that the socket took. If it took none, the cursor is behind.
    pub fn took(&mut self, taken: &[Arc<Message>]) {
        match taken.last() {
            Some(last) => self.shown = last.seq,
            None => self.pace = Pace::CatchUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{
        fanout::tail::{Tail, TailLimit},
        testing::{Dice, message},
    };

    /// One seeded run: a room grows, its tail is short, its log is pruned, and a socket takes a random prefix.
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
            if let Some(lost) = cursor.truncated_before(first) {
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
}
