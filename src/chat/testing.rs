//! Values for the domain's own tests.

use std::sync::Arc;

use super::types::{
    Author, Draft, Kind, Message, MessageText, NodeId, RoomName, Seq, UnixMs, UserId, UserName,
};

/// A draft by `ada` that says `text`, without a nonce.
pub(crate) fn draft(room: &str, text: &str) -> Draft {
    let id: UserId = "ada".parse().expect("a valid id");
    let name: UserName = "Ada".parse().expect("a valid name");
    let node: NodeId = "n1".parse().expect("a valid node");
    let room: RoomName = room.parse().expect("a valid room");
    let text = MessageText::new(text, 1_000).expect("a valid text");
    let author = Author { id, name, color: None };
    let (kind, at) = (Kind::text(), UnixMs(1));
    Draft { room, kind, of: None, author, nonce: None, text, at, node, trace: None }
}

/// The message at `seq` of `room`, whose text has three bytes.
pub(crate) fn message(room: &str, seq: u64) -> Arc<Message> {
    Arc::new(Message { seq: Seq(seq), draft: draft(room, "abc") })
}

/// A clock that stands still.
pub(crate) struct FixedClock;

impl crate::chat::ports::Clock for FixedClock {
    fn now(&self) -> UnixMs {
        UnixMs(1)
    }
}
