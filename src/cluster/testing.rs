//! Messages for the unit tests of buses.

use std::sync::Arc;

use crate::chat::model::{Author, Draft, Kind, Message, MessageText, Seq, UnixMs};

pub(crate) fn message(room: &str, seq: u64) -> Arc<Message> {
    message_with(room, seq, "hello")
}

/// Messages with an even `seq` have a nonce.
pub(crate) fn message_with(room: &str, seq: u64, text: &str) -> Arc<Message> {
    let draft = Draft {
        room: room.parse().unwrap(),
        kind: Kind::Text,
        target: None,
        author: Author { id: "u-1".parse().unwrap(), name: "Ada ❤".parse().unwrap(), color: None },
        nonce: seq.is_multiple_of(2).then(|| format!("nonce {seq}").parse().unwrap()),
        text: MessageText::new(text, text.len()).unwrap(),
        at: UnixMs(1_790_000_000_000),
        node: "node-a".parse().unwrap(),
        trace: None,
    };
    Arc::new(Message { seq: Seq(seq), draft })
}
