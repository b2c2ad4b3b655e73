//! The judge's result: counts of messages and of violations.

/// A kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client did not show an acked message; each such client counts.
    Lost,
    /// A client showed a message again, at the same seq or another.
    Doubled,
    /// A client showed a message after a later one, or a sender's messages were stored in another order.
    Inverted,
    /// Clients or acks contradict each other about a seq, or only some clients showed an unacked message.
    Disagreement,
    /// A client showed a message that was never sent, was refused for good, or is damaged.
    Ghost,
    /// A client on `/chat` skipped a seq at which no message of this run is.
    Hole,
}

/// Examples kept of each kind.
const EXAMPLES_MAX: u64 = 5;

/// Counts of messages and violations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that became due.
    pub offered: u64,
    /// Messages acked as stored.
    pub acked: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages of this run times the clients that showed them; repeats do not count.
    pub delivered: u64,
    /// The same for foreign messages.
    pub foreign: u64,
    /// By [`Kind`], in its order.
    counts: [u64; 6],
    /// Descriptions of some violations.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Messages neither acked nor refused for good.
    #[must_use]
    pub fn unacked(&self) -> u64 {
        self.offered - self.acked - self.refused
    }

    /// Violations of one kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// All violations.
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
