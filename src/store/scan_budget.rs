//! Bounds how many messages a list of rooms reads to find the newest ordinary message of each.
//!
//! Any number of amendments may follow that message. An index of ordinary messages would find it directly, but
//! every commit would pay for it: a commit of one message wrote 7.9 pages with the index and 6.7 without.

use crate::chat::{
    model::{Message, Seq},
    ports::Extent,
};

/// Messages that are scanned in one room, the newest.
pub(super) const ROOM_MAX: u64 = 1_000;

/// Messages that are scanned in all rooms of a list.
pub(super) const LIST_MAX: u64 = 5_000;

/// Messages that are scanned in each room once [`LIST_MAX`] is spent, so that a few rooms full of reactions do not
/// hide the newest messages of the others.
pub(super) const ROOM_MIN: u64 = 20;

/// The messages that one list may still scan.
pub(super) struct ScanBudget {
    remaining: u64,
}

impl ScanBudget {
    pub(super) fn new() -> Self {
        Self { remaining: LIST_MAX }
    }

    /// The seq after which a room is scanned.
    pub(super) fn scan_after(&self, extent: Extent) -> Seq {
        let count = self.remaining.clamp(ROOM_MIN, ROOM_MAX);
        extent.head.back(count).max(extent.pruned)
    }

    /// Deducts a scan from the room's head back to `found`, or to `after` if nothing was found.
    pub(super) fn spend(&mut self, extent: Extent, after: Seq, found: Option<&Message>) {
        let end = found.map_or(after, |found| found.seq.previous());
        self.remaining = self.remaining.saturating_sub(extent.head.since(end));
    }
}
