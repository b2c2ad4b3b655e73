//! The domain's counters. Telemetry reads them; nothing in the domain depends on their values.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// Adds `more`, which may be negative.
    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Replaces it.
    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of the domain.
#[derive(Debug, Default)]
pub struct Stats {
    /// Messages stored for this node's clients.
    pub accepted: Count,
    /// Retries of a message that was stored already.
    pub known: Count,
    /// Holes that were filled from the log.
    pub gap_repairs: Count,
    /// Rooms that the sweep found to have grown before any hint came.
    pub sweep_hits: Count,
    /// Cursors that follow a room.
    pub cursors: Level,
    /// Cursors that are behind their room's head.
    pub catching_up: Level,
    /// Joins with a position that were continued without a gap.
    pub resumed: Count,
    /// Joins with a position that could not be.
    pub incomplete: Count,
    /// Connected sockets, of both namespaces.
    pub sessions: Level,
    /// Membership changes sent to sessions.
    pub members_sent: Count,
    /// Typing notices sent to sessions.
    pub typing_sent: Count,
    /// Presence events that were dropped because a session's queue was full.
    pub presence_dropped: Count,
    /// 1 if the presence of other nodes can be fetched.
    pub presence_complete: Level,
    /// Rooms with members on this node.
    pub rooms: Level,
    /// Bytes of messages in all rooms' tails, roughly.
    pub tail_bytes: Level,
}
