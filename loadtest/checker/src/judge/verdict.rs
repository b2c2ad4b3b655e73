//! What a judge says: counts of what happened, and of what must not.

/// What a client must never see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An acked message that a client should have shown and never did; each client counts.
    Lost,
    /// Shown again, at the same place or at another.
    Doubled,
    /// Shown after a later one; or a sender's messages in another order than it sent them.
    Inverted,
    /// Not the same to all: two messages at one place, one at two places, an ack's place that is not
    /// the message's, or an unacked message that only some were shown.
    Disagreement,
    /// Shown, and never offered, or refused for good, or damaged.
    Ghost,
    /// A place that a client on `/chat`, where places have no gaps, stepped over, with none of our messages in it.
    Hole,
}

/// How many examples of each kind are kept.
const EXAMPLES_MAX: u64 = 5;

/// What was counted. `delivered` are first showings of this run's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that senders meant to send.
    pub offered: u64,
    /// Of those, answered as stored.
    pub acked: u64,
    /// Of those, refused for good.
    pub refused: u64,
    /// Messages times the clients that showed them.
    pub delivered: u64,
    /// The same of messages that are not of this run.
    pub foreign: u64,
    /// By [`Kind`], in its order.
    counts: [u64; 6],
    /// Some of them in words.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Offered, and neither acked nor refused for good.
    #[must_use]
    pub fn unacked(&self) -> u64 {
        self.offered - self.acked - self.refused
    }

    /// How many of a kind there were.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// All of them together.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn note(&mut self, kind: Kind, example: impl FnOnce() -> String) {
        self.note_many(kind, 1, example);
    }

    pub(super) fn note_many(&mut self, kind: Kind, count: u64, example: impl FnOnce() -> String) {
        let noted = &mut self.counts[kind as usize];
        if 0 < count && *noted < EXAMPLES_MAX {
            self.examples.push(format!("{kind:?}: {}", example()).to_lowercase());
        }
        *noted += count;
    }
}
