//! Hints between nodes.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::chat::model::{Message, RoomName, Seq};

/// Hints between nodes. They may be late, repeated, reordered or lost; nothing depends on them but latency.
///
/// No call waits, fails or blocks. An implementation passes what it receives to the [`Hints`] channel that it
/// was made with.
pub trait ClusterBus: Send + Sync {
    /// Tells the other nodes of durable messages. The queue is bounded and may drop them; the sweep repairs that.
    fn publish(&self, messages: &[Arc<Message>]);

    /// Asks for hints about `room` until [`unsubscribe`](Self::unsubscribe).
    ///
    /// Each time the subscription takes effect, also after an outage, the bus sends a [`Hint::Gap`] for the room;
    /// hints may have been missed until then. A subscription that takes effect before this returns and cannot be
    /// lost, as within one process, sends none.
    fn subscribe(&self, room: &RoomName);

    /// Ends the subscription.
    fn unsubscribe(&self, room: &RoomName);

    /// Whether other nodes can be reached, as far as is known.
    fn is_up(&self) -> bool;
}

/// Where a bus puts what it receives. When it is full, messages and heads are dropped, and the sweep finds them; a
/// [`Hint::Gap`] waits.
pub type Hints = mpsc::Sender<Hint>;

/// What a bus received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// These messages of one room are in the log, in ascending order.
    Messages(Vec<Arc<Message>>),
    /// The room's head is at least this; the messages were too large to send.
    Head(RoomName, Seq),
    /// Hints about this room may have been lost until now: compare it with the log.
    Gap(RoomName),
}
