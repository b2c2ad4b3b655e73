//! What `/chat` is told of its rooms: live messages, and pages that are acked.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use socketioxide::AckError;

use crate::{
    chat::{
        cursor::Pace,
        session,
        types::{Author, Message, RoomName, Seq},
    },
    gateway::{Gateway, encoded, link::Cut, outlet::Outlet, protocol::answer::MessageJson},
};

/// Messages of a catch-up page.
const PAGE_MESSAGES: usize = 100;
/// Bytes of a catch-up page, as far as texts count; one message goes, however long.
const PAGE_BYTES: usize = 64 * 1024;
/// What a message takes beside its text, about.
const MESSAGE_BYTES: usize = 256;
/// Catch-up pages that a client has not acked, over all its rooms.
const PAGES_UNACKED: usize = 2;

/// The socket's way out, in the namespace's words.
pub(super) struct NativeOutlet {
    pub(super) outlet: Outlet,
    reader: Author,
    unacked: Arc<AtomicUsize>,
    gateway: Arc<Gateway>,
}

impl NativeOutlet {
    pub(super) fn new(outlet: Outlet, reader: Author, gateway: &Arc<Gateway>) -> Self {
        Self { outlet, reader, unacked: Arc::default(), gateway: gateway.clone() }
    }

    fn live(&self, messages: &[Arc<Message>]) -> usize {
        let emit = |message: &&Arc<Message>| match message.draft.author.id == self.reader.id {
            true => self.outlet.emit("message", &MessageJson::new(message, Some(&self.reader))),
            // All others see the same.
            false => encoded::once(message, |json| self.outlet.emit("message", &(json,))),
        };
        messages.iter().take_while(emit).count()
    }

    /// Emits one page; its ack makes room for another.
    fn page(&self, messages: &[Arc<Message>]) -> usize {
        let mut bytes = 0;
        let fits = |message: &&Arc<Message>| {
            bytes += message.draft.text.as_str().len() + MESSAGE_BYTES;
            bytes <= PAGE_BYTES
        };
        let count = messages.iter().take(PAGE_MESSAGES).take_while(fits).count().max(1);
        let page: Vec<_> =
            messages[..count].iter().map(|m| MessageJson::new(m, Some(&self.reader))).collect();
        if PAGES_UNACKED <= self.unacked.load(Ordering::Acquire) || !self.outlet.link.take() {
            return 0;
        }
        let Ok(ack) = self.outlet.socket.emit_with_ack::<_, serde::de::IgnoredAny>("messages", &(page,))
        else {
            return 0;
        };
        self.unacked.fetch_add(1, Ordering::AcqRel);
        let (unacked, link) = (self.unacked.clone(), self.outlet.link.clone());
        self.gateway.tracker.spawn(async move {
            match ack.await {
                // An ack without arguments cannot be decoded, and is one all the same.
                Ok(_) | Err(AckError::Decode(_)) => {
                    unacked.fetch_sub(1, Ordering::AcqRel);
                    link.nudge();
                }
                // Its place would be lost, though other rooms may go on: the client comes back and resumes.
                Err(AckError::Timeout) => link.cut(Cut::Stalled),
                Err(AckError::Socket(_)) => {}
            }
        });
        count
    }
}

#[async_trait]
impl session::Outlet for NativeOutlet {
    fn appetite(&self, pace: Pace) -> usize {
        match pace {
            Pace::Live => self.outlet.link.room(),
            Pace::CatchUp if self.unacked.load(Ordering::Acquire) < PAGES_UNACKED => {
                PAGE_MESSAGES.min(self.outlet.link.room() * PAGE_MESSAGES)
            }
            Pace::CatchUp => 0,
        }
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], pace: Pace) -> usize {
        match pace {
            Pace::Live => self.live(messages),
            Pace::CatchUp => self.page(messages),
        }
    }

    fn lost(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        self.outlet.lost(room, after, upto)
    }

    async fn drained(&self) {
        self.outlet.drained().await;
    }

    fn cut(&self) {
        self.outlet.link.cut(Cut::Stalled);
    }
}
