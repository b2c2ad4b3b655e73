//! One socket of `/`: admitted, connected, and its messages stored in their order.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler as _,
};

use crate::{
    chat::{
        delivery::session::Session,
        model::{Author, RoomName, Seq},
        publish::{sender::Sender, sender_order::SenderOrder},
        service::{Entered, Start},
    },
    gateway::{
        context::{EVENTS_PER_TURN, GatewayContext},
        posts::{AckForm, PendingPosts},
        protocol::{ErrorCode, Refusal},
        socketio::{
            event_queue::{self, EventQueue, InboundEvent, QueuedEvent},
            responder::Responder,
            sink::SocketSink,
        },
        tutorial::{
            message::{CHAT_MESSAGE, post, server_offset},
            sink::TutorialSink,
        },
    },
    sync::lock,
    telemetry::metrics,
};

/// Opens the namespace.
pub(in crate::gateway) fn attach(io: &SocketIo, context: &Arc<GatewayContext>) {
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
        match post(args, context.limits.max_message_bytes) {
            Ok(post) => posts.push(index, post, ack, trace),
            Err(refusal) => responder.refuse(ack, &refusal).await,
        }
    }
    posts.store(sender, responder).await;
}
