//! One socket's events, read in its order into a bounded queue.
//!
//! The Socket.IO layer runs each handler as a task of its own, which loses the
//! order. So the handler does its work before it becomes a future: it
//! puts the event into the queue, and one task takes it out again.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use socketioxide::{
    extract::{AckSender, Event, SocketRef, TryData},
    socket::DisconnectReason,
};
use tokio_util::sync::CancellationToken;

use crate::{chat::sender_order::PostIndex, sync::lock, telemetry::trace::Root};

use super::{
    connected::End,
    link::Link,
    protocol::args::Args,
    queue::{self, Reader, queue},
};

/// A longer name than any event's is not kept: no event is called so.
pub(super) const NAME_BYTES_MAX: usize = 32;

/// An event as it was read.
pub(super) struct Incoming {
    /// Empty in place of one that is too long: there is no such event either.
    pub(super) event: String,
    /// `None` if they are not JSON, or longer than a websocket's frame may be.
    pub(super) args: Option<Args>,
    pub(super) ack: AckSender,
    /// Its place among all that this socket sent.
    pub(super) index: PostIndex,
    /// If it is sampled, in case it is a post.
    pub(super) root: Option<Root>,
}

impl Incoming {
    fn bytes(&self) -> usize {
        self.event.len() + self.args.as_ref().map_or(0, Args::bytes)
    }
}

/// How much of a socket waits: so many events of so many bytes, and so many bytes in all.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) places: usize,
    pub(super) frame_bytes: usize,
    pub(super) bytes: usize,
}

/// An event that waits, and its part of the bytes that may; that is free again when this is dropped.
pub(super) type Waiting = queue::Waiting<Incoming>;

/// A socket's queue, and the end of the socket.
pub(super) struct Intake {
    pub(super) queue: Reader<Incoming>,
    pub(super) ended: CancellationToken,
    /// Why it ended.
    pub(super) end: End,
}

/// What a middleware leaves for the connect handler; taken once.
struct Left<T>(Mutex<Option<T>>);

impl Intake {
    /// Registers a socket's handlers; to be called before the client is told that it is connected.
    ///
    /// `number` numbers each event as it is read, and `overflow` answers one for which the queue has no room.
    /// The link stays as long as the socket: a session that was cut and polls on is to be known as such.
    pub(super) fn register(
        socket: &SocketRef,
        link: Arc<Link>,
        bounds: Bounds,
        number: impl Fn() -> PostIndex + Send + Sync + 'static,
        overflow: impl Fn(Incoming) + Send + Sync + 'static,
    ) -> Self {
        let (to_queue, queue) = queue(bounds.places, bounds.bytes);
        let ended = CancellationToken::new();
        let take = Arc::new(move |incoming: Incoming| {
            let bytes = incoming.bytes();
            if let Err(incoming) = to_queue.push(incoming, bytes) {
                overflow(incoming);
            }
        });
        let number = Arc::new(number);
        socket.on_fallback(move |Event(event): Event, args: TryData<Args>, ack: AckSender| {
            let event = if event.len() <= NAME_BYTES_MAX { event } else { String::new() };
            let args = args.0.ok().filter(|args| args.bytes() <= bounds.frame_bytes);
            take(Incoming { event, args, ack, index: number(), root: Root::receive(None) });
            ready(())
        });
        let (ending, end) = (ended.clone(), End::default());
        let why = end.clone();
        socket.on_disconnect(move |reason: DisconnectReason| {
            let _link = &link;
            why.get_or_init(|| reason);
            ending.cancel();
            ready(())
        });
        Self { queue, ended, end }
    }
}

/// Leaves something with the socket between admission and connection.
pub(super) fn leave<T: Send + 'static>(socket: &SocketRef, what: T) {
    socket.extensions.insert(Arc::new(Left(Mutex::new(Some(what)))));
}

/// Takes what admission left.
pub(super) fn take<T: Send + 'static>(socket: &SocketRef) -> Option<T> {
    let left = socket.extensions.remove::<Arc<Left<T>>>()?;
    lock(&left.0).take()
}
