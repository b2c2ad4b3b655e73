//! How far one list of rooms looks for the newest ordinary message of each.
//!
//! What amends messages may lie on top of it, as much as anyone likes. An index of ordinary messages would find
//! it at once, and every commit would pay for that: 6.7 pages became 7.9 where it stores one message.

use crate::chat::{
    model::{Message, Seq},
    ports::Extent,
};

/// Messages of one room that are looked at, the newest: behind more than that none is found.
pub(super) const ROOM_MAX: u64 = 1_000;

/// The same of all rooms of a list. Once they are spent,
pub(super) const LIST_MAX: u64 = 5_000;

/// so many of each room still are: a few rooms full of reactions do not hide what is said in the others.
pub(super) const ROOM_MIN: u64 = 20;

/// What one list may still look at.
pub(super) struct ScanBudget {
    left: u64,
}

impl ScanBudget {
    pub(super) fn new() -> Self {
        Self { left: LIST_MAX }
    }

    /// The place in a room after which its newest ordinary message is looked for.
    pub(super) fn after(&self, extent: Extent) -> Seq {
        let count = self.left.clamp(ROOM_MIN, ROOM_MAX);
        Seq(extent.head.0.saturating_sub(count)).max(extent.pruned)
    }

    /// Counts what was looked at, from the room's head back to what was found, or else to that place.
    pub(super) fn count(&mut self, extent: Extent, after: Seq, found: Option<&Message>) {
        let end = found.map_or(after.0, |found| found.seq.0 - 1);
        self.left = self.left.saturating_sub(extent.head.0.saturating_sub(end));
    }
}
