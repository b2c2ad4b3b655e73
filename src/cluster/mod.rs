//! Hints between nodes: the bus over Redis, its message form, and the bus of a
//! cluster that lives in one process.
//!
//! Everything here may be late, lost or repeated. The log is the truth, and the
//! sweep finds what a bus did not bring.

pub mod redis;

pub mod memory;
pub mod wire;

use std::sync::Arc;

use crate::chat::model::Message;

#[cfg(test)]
mod testing;

/// Parts messages by their room, each part in the order it had.
fn by_room(messages: &[Arc<Message>]) -> Vec<Vec<Arc<Message>>> {
    let mut sorted = messages.to_vec();
    // A stable sort: what one room's messages are among themselves, they stay.
    sorted.sort_by(|a, b| a.draft.room.cmp(&b.draft.room));
    sorted.chunk_by(|a, b| a.draft.room == b.draft.room).map(<[_]>::to_vec).collect()
}
