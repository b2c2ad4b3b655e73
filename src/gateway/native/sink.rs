//! How `/chat` delivers messages: live ones by themselves, and catch-up in pages that the client acks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use socketioxide::AckError;

use crate::{
    chat::{
        delivery::session::MessageSink,
        fanout::cursor::Pace,
        model::{Author, Message, RoomName, Seq},
    },
    gateway::{
        context::GatewayContext,
        native::json_cache,
        protocol::response::MessageJson,
        socketio::{engine_session::CloseReason, sink::SocketSink},
    },
};

/// Messages of a catch-up page.
const PAGE_MESSAGES: usize = 100;
/// Bytes of a catch-up page, roughly; one message goes, however long.
const PAGE_BYTES: usize = 64 * 1024;
/// What a message takes beside its text, roughly.
const MESSAGE_BYTES: usize = 256;
/// Catch-up pages that a client has not acked, over all its rooms.
const PAGES_UNACKED: usize = 2;

/// A socket of `/chat` on the way out.
pub(super) struct NativeSink {
    pub(super) socket_sink: SocketSink,
    reader: Author,
    unacked: Arc<AtomicUsize>,
    context: Arc<GatewayContext>,
}

impl NativeSink {
    pub(super) fn new(socket_sink: SocketSink, reader: Author, context: &Arc<GatewayContext>) -> Self {
        Self { socket_sink, reader, unacked: Arc::default(), context: context.clone() }
    }

    fn emit_live(&self, messages: &[Arc<Message>]) -> usize {
        let emit = |message: &&Arc<Message>| match message.draft.author.id == self.reader.id {
            true => self.socket_sink.emit("message", &MessageJson::new(message, Some(&self.reader))),
            // Everyone else sees the same JSON.
            false => json_cache::with_json(message, |json| self.socket_sink.emit("message", &(json,))),
        };
        messages.iter().take_while(emit).count()
    }

    /// Emits one page; its ack makes room for another.
    fn emit_page(&self, messages: &[Arc<Message>]) -> usize {
        let mut bytes = 0;
        let fits = |message: &&Arc<Message>| {
            bytes += message.draft.text.as_str().len() + MESSAGE_BYTES;
            bytes <= PAGE_BYTES
        };
        let count = messages.iter().take(PAGE_MESSAGES).take_while(fits).count().max(1);
        let page: Vec<_> =
            messages[..count].iter().map(|m| MessageJson::new(m, Some(&self.reader))).collect();
        if PAGES_UNACKED <= self.unacked.load(Ordering::Acquire)
            || !self.socket_sink.engine_session.try_reserve(0)
        {
            return 0;
        }
        let Ok(ack) = self.socket_sink.socket.emit_with_ack::<_, serde::de::IgnoredAny>("messages", &(page,))
        else {
            return 0;
        };
        self.unacked.fetch_add(1, Ordering::AcqRel);
        let (unacked, engine_session) = (self.unacked.clone(), self.socket_sink.engine_session.clone());
        self.context.tracker.spawn(async move {
            match ack.await {
                // An ack without arguments cannot be decoded, and counts all the same.
                Ok(_) | Err(AckError::Decode(_)) => {
                    unacked.fetch_sub(1, Ordering::AcqRel);
                    engine_session.notify();
                }
                // The page would stay unacked for ever, even if other rooms go on: the client comes back and resumes.
                Err(AckError::Timeout) => engine_session.cut(CloseReason::Stalled),
                Err(AckError::Socket(_)) => {}
            }
        });
        count
    }
}

#[async_trait]
impl MessageSink for NativeSink {
    fn capacity(&self, pace: Pace) -> usize {
        let packets = self.socket_sink.engine_session.capacity();
        match pace {
            Pace::Live => packets,
            Pace::CatchUp if self.unacked.load(Ordering::Acquire) < PAGES_UNACKED => {
                PAGE_MESSAGES.min(packets * PAGE_MESSAGES)
            }
            Pace::CatchUp => 0,
        }
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], pace: Pace) -> usize {
        match pace {
            Pace::Live => self.emit_live(messages),
            Pace::CatchUp => self.emit_page(messages),
        }
    }

    fn history_truncated(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        self.socket_sink.history_truncated(room, after, upto)
    }

    async fn drained(&self) {
        self.socket_sink.drained().await;
    }

    fn cut(&self) {
        self.socket_sink.engine_session.cut(CloseReason::Stalled);
    }
}
