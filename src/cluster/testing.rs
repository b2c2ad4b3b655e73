//! What the unit tests of buses share.

use std::sync::Arc;

use crate::chat::model::{Author, Draft, Kind, Message, MessageText, Seq, UnixMs};

/// A small message at this place.
pub(crate) fn message(room: &str, seq: u64) -> Arc<Message> {
    said(room, seq, "hello")
}

/// A message with this text; every second one has a nonce.
pub(crate) fn said(room: &str, seq: u64, text: &str) -> Arc<Message> {
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
