//! What the domain counts; the telemetry reads it when it is asked.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use super::witness::Witness;

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
    /// Adds `more`, which may be less than nothing.
    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Makes it this.
    pub fn set(&self, now: i64) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All that the domain counts.
#[derive(Debug, Default)]
pub struct Stats {
    /// Messages stored for this node's clients.
    pub accepted: Count,
    /// Retries of a message that was stored already.
    pub known: Count,
    /// Who is told of each emit, if anybody is.
    pub witness: Option<Arc<dyn Witness>>,
    /// Holes that were filled from the log.
    pub gap_repairs: Count,
    /// Rooms whose growth the sweep told before any hint did.
    pub sweep_hits: Count,
    /// Cursors that follow a room.
    pub cursors: Level,
    /// Those of them that are behind its head.
    pub catching_up: Level,
    /// Joins with a place that got all they missed.
    pub resumed: Count,
    /// Joins with a place that could not.
    pub incomplete: Count,
    /// Connected sockets, of both namespaces.
    pub sessions: Level,
    /// Changes of a room's people that sessions were told.
    pub people_told: Count,
    /// Those who are typing that sessions were told.
    pub typing_told: Count,
    /// What was not told of people, since a session had too much of it waiting.
    pub news_dropped: Count,
    /// 1 if other nodes' people can be asked for.
    pub presence_complete: Level,
    /// Rooms with members on this node.
    pub rooms: Level,
    /// Bytes of messages that all rooms' tails hold, about.
    pub tail_bytes: Level,
}
