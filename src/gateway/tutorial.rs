//! Namespace `/`: the contract of the Socket.IO tutorial, to the letter, in the room `lobby`.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler as _,
};

use crate::{
    chat::{
        delivery::session::{MessageSink, Session},
        fanout::cursor::Pace,
        model::{Author, Kind, Message, MessageText, Nonce, RoomName, Seq, ValidationError},
        publish::{
            post::{Post, PostBody},
            sender::Sender,
            sender_order::SenderOrder,
        },
        service::{Entered, Start},
    },
    gateway::{
        context::{EVENTS_PER_TURN, GatewayContext},
        posts::{AckForm, PendingPosts},
        protocol::{ErrorCode, EventArgs, Refusal},
        socketio::{
            engine_session::CloseReason,
            event_queue::{self, EventQueue, InboundEvent, QueuedEvent},
            responder::Responder,
            sink::SocketSink,
        },
    },
    sync::lock,
    telemetry::metrics,
};

/// The only event, in both directions.
const CHAT_MESSAGE: &str = "chat message";

/// Opens the namespace.
pub(super) fn attach(io: &SocketIo, context: &Arc<GatewayContext>) {
    let (admitting, connecting) = (context.clone(), context.clone());
    let admit = move |socket: SocketRef, auth: TryData<Value>| {
        let offset = server_offset(&auth.0.unwrap_or_default());
        let order = Mutex::new(SenderOrder::default());
        let number = move || lock(&order).number();
        // An event for which there is no room is not acked: the client's own retry repeats it.
        let engine_session = admitting.engine_sessions.get_or_insert(socket.id);
        let overflow = |_| metrics::refused(ErrorCode::Overloaded.as_str());
        let queue = EventQueue::register(&socket, engine_session, admitting.bounds(), number, overflow);
        event_queue::stash(&socket, Admitted { offset, queue });
        std::future::ready(Ok::<(), Refusal>(()))
    };
    let connect = move |socket: SocketRef| {
        if let Some(admitted) = event_queue::unstash::<Admitted>(&socket) {
            connecting.tracker.spawn(run(connecting.clone(), socket, admitted));
        }
        std::future::ready(())
    };
    io.ns("/", connect.with(admit));
}

/// A socket that is admitted and not connected yet.
struct Admitted {
    offset: Option<Seq>,
    queue: EventQueue,
}

/// Lives as long as the socket. Events that were read before its end are still handled.
async fn run(context: Arc<GatewayContext>, socket: SocketRef, admitted: Admitted) {
    let Admitted { offset, queue } = admitted;
    let EventQueue { events, ended, reason } = queue;
    let session = context.chat.session(None, ended.clone());
    let sink = TutorialSink(SocketSink::new(socket, &context.engine_sessions, "/", reason));
    let mut sender = context.chat.sender(Author::anonymous());
    let mut responder = Responder::new(&sink.0.engine_session, &ended, context.stall_timeout());

    let deliveries = pin!(session.pump(context.chat.log().as_ref(), &sink, context.stall_timeout()));
    let requests = pin!(async {
        // Boxed, so that an idle socket has no memory for what is rarely under way.
        Box::pin(begin(&context, &session, &sink, offset)).await;
        loop {
            match events.take(EVENTS_PER_TURN).await {
                batch if batch.is_empty() => break,
                batch => Box::pin(handle(&context, &mut sender, &mut responder, batch)).await,
            }
        }
    });
    sink.0.run(&ended, &events, deliveries, requests).await;
}

/// Joins the lobby at the client's offset.
async fn begin(context: &GatewayContext, session: &Arc<Session>, sink: &TutorialSink, offset: Option<Seq>) {
    let or_newest = u64::from(context.history.on_join);
    let start = match offset {
        None => Start::Newest(or_newest),
        Some(Seq::ZERO) if 0 < context.history.tutorial_max => {
            Start::Newest(u64::from(context.history.tutorial_max))
        }
        Some(seq) => Start::After { epoch: None, seq, or_newest },
    };
    let lobby = RoomName::lobby();
    let Some(entered) = context.join(session, &lobby, start, &sink.0.engine_session).await else { return };
    if !entered.joined().recovered {
        let notice = json!({ "code": "incomplete_recovery", "room": lobby.as_str() });
        sink.0.emit_when_drained("notice", &notice, session.ended()).await;
    }
    Entered::follow(entered);
}

/// Stores the messages among the events, in their order, and acks what is durable.
async fn handle(
    context: &GatewayContext,
    sender: &mut Sender,
    responder: &mut Responder,
    batch: Vec<QueuedEvent>,
) {
    let mut posts = PendingPosts::new(AckForm::Empty);
    for (InboundEvent { event, args, ack, index, trace }, _bytes) in batch {
        if event != CHAT_MESSAGE {
            continue;
        }
        match parse(args, context.limits.max_message_bytes) {
            Ok(post) => posts.push(index, post, ack, trace),
            Err(refusal) => responder.refuse(ack, &refusal).await,
        }
    }
    posts.store(sender, responder).await;
}

/// Reads `content, clientOffset`. Without an offset each message is a new one.
fn parse(args: Option<EventArgs>, text_bytes_max: usize) -> Result<Post, Refusal> {
    let args = args.map(|args| args.parse()).unwrap_or_default();
    let content = args.first().and_then(Value::as_str).unwrap_or_default();
    let text = MessageText::new(content, text_bytes_max)?;
    let offset = match args.get(1) {
        Some(Value::String(offset)) => Some(offset.clone()),
        Some(Value::Number(offset)) => Some(offset.to_string()),
        _ => None,
    };
    if offset.as_ref().is_some_and(|offset| Nonce::BYTES_MAX < offset.len()) {
        return Err(ValidationError::Nonce.into());
    }
    let nonce = offset.map(|offset| Nonce::of_tutorial(&offset, content));
    Ok(Post { room: RoomName::lobby(), nonce, body: PostBody::Text(text), trace: None })
}

/// A client's offset, `{serverOffset: n}`. A string of digits counts as that number, anything else as absent.
fn server_offset(auth: &Value) -> Option<Seq> {
    let offset = auth.get("serverOffset")?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match offset {
        Value::Number(number) => number.as_u64().map(Seq),
        // Digits beyond 64 bits are a seq beyond any log's head.
        Value::String(text) if !text.is_empty() && digits(text) => Some(text.parse().map_or(Seq::MAX, Seq)),
        _ => None,
    }
}

/// A socket of `/` on the way out: message by message, and ordinary messages only.
struct TutorialSink(SocketSink);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_offset_is_a_whole_number_or_its_digits() {
        for (offset, seq) in [
            (json!(0), Some(0)),
            (json!(7), Some(7)),
            (json!("42"), Some(42)),
            (json!("99999999999999999999999"), Some(u64::MAX)),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(""), None),
            (json!("7a"), None),
            (json!("-1"), None),
            (json!(null), None),
            (json!({"a": 1}), None),
            (json!([7]), None),
            (json!(true), None),
        ] {
            assert_eq!(server_offset(&json!({ "serverOffset": offset })), seq.map(Seq), "{offset}");
        }
        assert_eq!(server_offset(&json!(null)), None);
        assert_eq!(server_offset(&json!("text")), None);
    }
}
