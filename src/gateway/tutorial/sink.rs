//! How `/` delivers messages: one by one, and ordinary messages only.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    chat::{
        delivery::session::MessageSink,
        fanout::cursor::Pace,
        model::{Kind, Message, RoomName, Seq},
    },
    gateway::{
        socketio::{engine_session::CloseReason, sink::SocketSink},
        tutorial::message::CHAT_MESSAGE,
    },
};

/// A socket of `/` on the way out.
pub(super) struct TutorialSink(pub(super) SocketSink);

#[async_trait]
impl MessageSink for TutorialSink {
    fn capacity(&self, _pace: Pace) -> usize {
        self.0.engine_session.capacity()
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], _pace: Pace) -> usize {
        let emit = |message: &&Arc<Message>| {
            let text = message.draft.text.as_str();
            message.draft.kind != Kind::Text || self.0.emit(CHAT_MESSAGE, &(text, message.seq.0))
        };
        messages.iter().take_while(emit).count()
    }

    fn history_truncated(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        self.0.history_truncated(room, after, upto)
    }

    async fn drained(&self) {
        self.0.drained().await;
    }

    fn cut(&self) {
        self.0.engine_session.cut(CloseReason::Stalled);
    }
}
