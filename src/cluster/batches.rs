//! Splits a batch of messages by room: each room has its own channel.

use std::sync::Arc;

use crate::chat::model::Message;

/// One batch per room, each in the order of `messages`; none is empty.
pub(super) fn split_by_room(messages: &[Arc<Message>]) -> Vec<Vec<Arc<Message>>> {
    let mut sorted = messages.to_vec();
    // A stable sort keeps the order within a room.
    sorted.sort_by(|a, b| a.draft.room.cmp(&b.draft.room));
    sorted.chunk_by(|a, b| a.draft.room == b.draft.room).map(<[_]>::to_vec).collect()
}
