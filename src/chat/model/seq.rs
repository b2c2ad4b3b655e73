//! Where a message is: in its room, in a client's memory of a room, in the whole log.

use std::fmt;

use super::epoch::Epoch;

/// A message's number in its room: 1, 2, 3, … without holes. Arithmetic saturates, so that no number from
/// outside overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// After every message.
    pub const MAX: Self = Self(u64::MAX);

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before this.
    #[must_use]
    pub fn previous(self) -> Self {
        self.back(1)
    }

    /// `count` before this.
    #[must_use]
    pub fn back(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }

    /// How many messages follow `earlier`, up to and including this one.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client has of a room: all messages of the log `epoch` up to `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomPosition {
    /// The log that the seq belongs to.
    pub epoch: Epoch,
    /// The last message that the client has.
    pub seq: Seq,
}

/// A message's number in the whole log, ascending in the order of commits over all rooms; it may have holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_ends_at_both_ends() {
        assert_eq!((Seq(7).next(), Seq(7).previous(), Seq(7).back(3)), (Seq(8), Seq(6), Seq(4)));
        assert_eq!((Seq::MAX.next(), Seq::ZERO.previous(), Seq(2).back(3)), (Seq::MAX, Seq::ZERO, Seq::ZERO));
        assert_eq!((Seq(7).since(Seq(3)), Seq(3).since(Seq(7))), (4, 0));
    }
}
