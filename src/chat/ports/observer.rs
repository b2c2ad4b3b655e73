//! What the domain reports for measurement.

use std::sync::Arc;

use crate::chat::model::{Message, Seq};

/// Observes messages on their way out: the telemetry. None of the calls waits, fails or blocks.
pub trait DeliveryObserver: Send + Sync {
    /// A hint brought these messages of another node to this one's hub; there is at least one.
    fn hint_received(&self, messages: &[Arc<Message>]);

    /// A sampled message was released on this node, in a room with this many members.
    fn released(&self, message: &Message, members: usize);

    /// These messages, at least one, were emitted to a session that joined when its room's head was `joined`.
    fn emitted(&self, messages: &[Arc<Message>], path: DeliveryPath, joined: Seq);
}

/// An observer that ignores everything.
pub struct Unobserved;

impl DeliveryObserver for Unobserved {
    fn hint_received(&self, _: &[Arc<Message>]) {}

    fn released(&self, _: &Message, _: usize) {}

    fn emitted(&self, _: &[Arc<Message>], _: DeliveryPath, _: Seq) {}
}

/// How a message reached a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryPath {
    /// The session was at the room's head.
    Live,
    /// The session was behind, and the room's tail had the message.
    Tail,
    /// The session was behind, and the log was read.
    Log,
}
