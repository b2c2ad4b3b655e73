//! All metrics: one function each, so that names and labels stand in one place.

use metrics::{counter, gauge};

/// Messages that the bus has handed to Redis.
pub fn bus_published(messages: usize) {
    counter!("chorus_bus_published_total").increment(messages as u64);
}

/// Hints that the bus dropped, by reason: messages on the way out and at a full
/// hub, frames where what came in could not be read.
pub fn bus_dropped(reason: &'static str, count: usize) {
    counter!("chorus_bus_dropped_total", "reason" => reason).increment(count as u64);
}

/// Hints from other nodes that the bus handed to the hub, counted in messages;
/// a head counts as one.
pub fn bus_received(messages: usize) {
    counter!("chorus_bus_received_total").increment(messages as u64);
}

/// Whether the other nodes can be reached.
pub fn bus_up(up: bool) {
    gauge!("chorus_bus_up").set(f64::from(u8::from(up)));
}

/// Rooms that the bus wants to hear of.
pub fn bus_subscriptions(rooms: usize) {
    gauge!("chorus_bus_subscriptions").set(rooms as f64);
}
