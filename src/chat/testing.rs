//! Values for the domain's own tests.

use std::sync::Arc;

use crate::chat::{
    model::{Author, Draft, Kind, Message, MessageText, NodeId, RoomName, Seq, UnixMs, UserId, UserName},
    ports::Clock,
};

/// A draft by `ada` with this text and no nonce.
pub(crate) fn draft(room: &str, text: &str) -> Draft {
    let id: UserId = "ada".parse().expect("a valid id");
    let name: UserName = "Ada".parse().expect("a valid name");
    let node: NodeId = "n1".parse().expect("a valid node");
    let room: RoomName = room.parse().expect("a valid room");
    let text = MessageText::new(text, 1_000).expect("a valid text");
    let author = Author { id, name, color: None };
    let (kind, at) = (Kind::Text, UnixMs(1));
    Draft { room, kind, target: None, author, nonce: None, text, at, node, trace: None }
}

/// The message at `seq` of `room`, whose text has three bytes.
pub(crate) fn message(room: &str, seq: u64) -> Arc<Message> {
    Arc::new(Message { seq: Seq(seq), draft: draft(room, "abc") })
}

/// A clock that stands still.
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixMs {
        UnixMs(1)
    }
}

/// A small random number generator: the same seed gives the same schedule on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`, by xorshift64*.
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}
