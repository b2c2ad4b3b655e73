//! One socket's events, read in its order into a bounded queue.
//!
//! The Socket.IO server runs each handler as a task of its own, which loses the order. So the handler puts the event
//! into a queue before it becomes a future, and one task takes it out again.

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use socketioxide::{
    extract::{AckSender, Event, SocketRef, TryData},
    socket::DisconnectReason,
};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::publish::sender_order::PostIndex,
    gateway::{
        protocol::EventArgs,
        socketio::{
            connection_gauge::DisconnectCell,
            engine_session::EngineSession,
            queue::{self, Reader, queue},
        },
    },
    sync::lock,
    telemetry::trace::PostTrace,
};

/// A longer event name is dropped: no event has one.
pub(in crate::gateway) const NAME_BYTES_MAX: usize = 32;

/// An event as it was read.
pub(in crate::gateway) struct InboundEvent {
    /// Empty in place of a name that is too long.
    pub(in crate::gateway) event: String,
    /// `None` if they are not JSON, or longer than a websocket's frame may be.
    pub(in crate::gateway) args: Option<EventArgs>,
    pub(in crate::gateway) ack: AckSender,
    /// Its number among all events of this socket.
    pub(in crate::gateway) index: PostIndex,
    /// Set if it is sampled, in case it is a post.
    pub(in crate::gateway) trace: Option<PostTrace>,
}

impl InboundEvent {
    fn bytes(&self) -> usize {
        self.event.len() + self.args.as_ref().map_or(0, EventArgs::bytes)
    }
}

/// How much of a socket may wait.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Bounds {
    /// Events.
    pub(in crate::gateway) events: usize,
    /// Bytes of one event.
    pub(in crate::gateway) frame_bytes: usize,
    /// Bytes of all events.
    pub(in crate::gateway) bytes: usize,
}

/// A waiting event, with its share of the queue's bytes.
pub(in crate::gateway) type QueuedEvent = queue::Queued<InboundEvent>;

/// A socket's events, and its end.
pub(in crate::gateway) struct EventQueue {
    pub(in crate::gateway) events: Reader<InboundEvent>,
    pub(in crate::gateway) ended: CancellationToken,
    pub(in crate::gateway) reason: DisconnectCell,
}

impl EventQueue {
    /// Registers a socket's handlers. It must be called before the client is told that it is connected.
    ///
    /// `number` numbers each event as it is read, and `overflow` gets those for which the queue has no room.
    /// The handlers hold the session as long as the socket lives, so that one that was cut and polls on is still known.
    pub(in crate::gateway) fn register(
        socket: &SocketRef,
        engine_session: Arc<EngineSession>,
        bounds: Bounds,
        number: impl Fn() -> PostIndex + Send + Sync + 'static,
        overflow: impl Fn(InboundEvent) + Send + Sync + 'static,
    ) -> Self {
        let (writer, events) = queue(bounds.events, bounds.bytes);
        let ended = CancellationToken::new();
        let push = Arc::new(move |event: InboundEvent| {
            let bytes = event.bytes();
            if let Err(event) = writer.push(event, bytes) {
                overflow(event);
            }
        });
        let number = Arc::new(number);
        socket.on_fallback(move |Event(event): Event, args: TryData<EventArgs>, ack: AckSender| {
            let event = if event.len() <= NAME_BYTES_MAX { event } else { String::new() };
            let args = args.0.ok().filter(|args| args.bytes() <= bounds.frame_bytes);
            push(InboundEvent { event, args, ack, index: number(), trace: PostTrace::receive(None) });
            ready(())
        });
        let (ending, reason) = (ended.clone(), DisconnectCell::default());
        let cell = reason.clone();
        socket.on_disconnect(move |reason: DisconnectReason| {
            let _session = &engine_session;
            cell.get_or_init(|| reason);
            ending.cancel();
            ready(())
        });
        Self { events, ended, reason }
    }
}

/// What admission stores with the socket for its connect handler.
struct Stashed<T>(Mutex<Option<T>>);

/// Stores something with the socket between admission and connection.
pub(in crate::gateway) fn stash<T: Send + 'static>(socket: &SocketRef, value: T) {
    socket.extensions.insert(Arc::new(Stashed(Mutex::new(Some(value)))));
}

/// Takes what admission stored, once.
pub(in crate::gateway) fn unstash<T: Send + 'static>(socket: &SocketRef) -> Option<T> {
    let stashed = socket.extensions.remove::<Arc<Stashed<T>>>()?;
    lock(&stashed.0).take()
}
