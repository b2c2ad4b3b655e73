//! One socket of `/chat`: admitted, connected, and its requests handled in their order.

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler as _,
};
use tokio::time::Instant;

use crate::{
    chat::{
        delivery::session::Session,
        model::{Author, Hue, RoomName, RoomPosition, UserName},
        presence::participant::Participant,
        publish::{
            ordered_sender::OrderedSender,
            post::{Post, PostError},
        },
        service::{Entered, Start},
    },
    gateway::{
        context::{EVENTS_PER_TURN, GatewayContext},
        native::{
            connect_request::ConnectRequest,
            presence::{self, PresenceRequests},
            sink::NativeSink,
        },
        posts::{AckForm, PendingPosts},
        protocol::{
            ErrorCode, Refusal,
            request::Request,
            response::{LimitsJson, SessionJson, history_json, identity_json, joined_json, rooms_json},
        },
        socketio::{
            event_queue::{self, EventQueue, InboundEvent, QueuedEvent},
            responder::Responder,
            sink::SocketSink,
        },
    },
    sync::lock,
    telemetry::metrics,
};

/// The most messages that a join gets; older ones are requested by `history`.
const HISTORY_MAX: u64 = 1_000;

/// Opens the namespace.
pub(in crate::gateway) fn attach(io: &SocketIo, context: &Arc<GatewayContext>) {
    let (admitting, connecting) = (context.clone(), context.clone());
    let admit = move |socket: SocketRef, auth: TryData<Value>| {
        let admitted = admit(&admitting, &socket, &auth.0.unwrap_or_default());
        std::future::ready(admitted.inspect_err(|refusal| metrics::refused(refusal.code.as_str())))
    };
    let connect = move |socket: SocketRef| {
        if let Some(admitted) = event_queue::unstash::<Admitted>(&socket) {
            connecting.tracker.spawn(Socket::run(connecting.clone(), socket, admitted));
        }
        std::future::ready(())
    };
    io.ns("/chat", connect.with(admit));
}

/// A socket that is admitted and not connected yet.
struct Admitted {
    queue: EventQueue,
    sender: OrderedSender,
    rooms: Vec<(RoomName, RoomPosition)>,
}

fn admit(context: &Arc<GatewayContext>, socket: &SocketRef, auth: &Value) -> Result<(), Refusal> {
    let now = context.chat.clock().now();
    let request = ConnectRequest::parse(auth, &context.tokens, now, context.limits.rooms_per_session)?;
    let sender = context.chat.ordered_sender(request.user);
    let (numbering, refusing) = (sender.order(), sender.order());
    let engine_session = context.engine_sessions.get_or_insert(socket.id);
    let (held, bytes_max) = (engine_session.clone(), context.limits.max_message_bytes);
    let number = move || lock(&numbering).number();
    let overflow = move |event: InboundEvent| {
        let InboundEvent { event, args, ack, index, .. } = event;
        let refusal = Refusal::from(PostError::Overloaded);
        metrics::refused(refusal.code.as_str());
        if let Some(Ok(Request::Post(post))) = args.map(|args| Request::parse(&event, &args, bytes_max))
            && let Some(nonce) = &post.nonce
        {
            lock(&refusing).refused(index, &post.room, nonce, Instant::now());
        }
        // Without room for the response it is dropped: the client asks again.
        if engine_session.try_reserve(0) {
            drop(ack.send(&refusal.to_json()));
        }
    };
    let queue = EventQueue::register(socket, held, context.bounds(), number, overflow);
    event_queue::stash(socket, Admitted { queue, sender, rooms: request.rooms });
    Ok(())
}

/// A connected socket of the namespace.
struct Socket {
    context: Arc<GatewayContext>,
    sink: Arc<NativeSink>,
    session: Arc<Session>,
    sender: OrderedSender,
    responder: Responder,
    presence: PresenceRequests,
}

impl Socket {
    /// Lives as long as the socket. Events that were read before its end are still handled.
    async fn run(context: Arc<GatewayContext>, socket: SocketRef, admitted: Admitted) {
        let Admitted { queue, sender, rooms } = admitted;
        let EventQueue { events, ended, reason } = queue;
        let participant = Participant::new(&context.presence, sender.author().clone());
        let session = context.chat.session(Some(participant.clone()), ended.clone());
        let sink = SocketSink::new(socket, &context.engine_sessions, "/chat", reason);
        let responder = Responder::new(&sink.engine_session, &ended, context.stall_timeout());
        let sink = Arc::new(NativeSink::new(sink, sender.author().clone(), &context));
        let presence = PresenceRequests::new(&context, &session, &sink);
        let mut this = Self {
            context: context.clone(),
            sink: sink.clone(),
            session: session.clone(),
            sender,
            responder,
            presence,
        };

        let log = context.chat.log();
        let deliveries = pin!(async {
            let pump = session.pump(log.as_ref(), sink.as_ref(), context.stall_timeout());
            tokio::join!(pump, ended.run_until_cancelled(presence::emit_events(&sink, &participant)));
        });
        let requests = pin!(async {
            // Boxed, so that an idle socket has no memory for what is rarely under way.
            Box::pin(this.begin(rooms)).await;
            loop {
                match events.take(EVENTS_PER_TURN).await {
                    batch if batch.is_empty() => break,
                    batch => Box::pin(this.handle(batch)).await,
                }
            }
        });
        sink.socket_sink.run(&ended, &events, deliveries, requests).await;
    }

    /// Joins the rooms that the client was in, sends `session`, and lets the cursors go.
    async fn begin(&mut self, rooms: Vec<(RoomName, RoomPosition)>) {
        let mut entered = Vec::new();
        for (room, position) in rooms {
            let start = after(position, u64::from(self.context.history.on_join));
            let engine_session = &self.sink.socket_sink.engine_session;
            match self.context.join(&self.session, &room, start, engine_session).await {
                Some(room) => entered.push(room),
                None => return,
            }
        }
        let now = self.context.chat.clock().now();
        let epoch = self.context.chat.log().epoch();
        let rooms = entered.iter().map(|room| (room.name().to_string(), joined_json(room.joined(), epoch)));
        let greeting = SessionJson {
            session: self.sink.socket_sink.socket.id.to_string(),
            token: self.context.tokens.issue(self.sender.author(), now),
            user: self.sender.author().into(),
            node: self.context.chat.node().as_str(),
            epoch: epoch.to_string(),
            limits: LimitsJson::from(&self.context.limits),
            rooms: rooms.collect::<BTreeMap<_, _>>(),
        };
        self.sink.socket_sink.emit_when_drained("session", &greeting, self.session.ended()).await;
        entered.into_iter().for_each(Entered::follow);
    }

    /// Handles events in their order; consecutive posts are stored as one batch.
    async fn handle(&mut self, batch: Vec<QueuedEvent>) {
        let mut posts = PendingPosts::new(AckForm::Receipt);
        for (InboundEvent { event, args, ack, index, trace }, _bytes) in batch {
            let parsed = args.ok_or_else(|| {
                Refusal::new(ErrorCode::BadRequest, "the arguments are not JSON, or too long")
            });
            match parsed.and_then(|args| Request::parse(&event, &args, self.context.limits.max_message_bytes))
            {
                Ok(Request::Post(post)) => posts.push(index, post, ack, trace),
                Ok(request) => {
                    posts.store(&mut self.sender, &mut self.responder).await;
                    self.respond(request, ack).await;
                }
                Err(refusal) => self.responder.refuse(ack, &refusal).await,
            }
        }
        posts.store(&mut self.sender, &mut self.responder).await;
    }

    async fn respond(&mut self, request: Request, ack: AckSender) {
        // Of the events that a socket leaves behind only posts count.
        if self.session.ended().is_cancelled() {
            return;
        }
        let chat = &self.context.chat;
        let response = match request {
            Request::Join { room, after, history } => return self.join(room, after, history, ack).await,
            Request::Leave(room) => {
                self.session.leave(&room);
                Ok(json!({}))
            }
            Request::History { room, before, limit } => {
                let page = chat.history(&room, before, limit).await;
                page.map(|page| history_json(&page, Some(self.sender.author())))
            }
            Request::Rooms { after, limit } => {
                let rooms = chat.rooms(after.as_ref(), limit).await;
                rooms.map(|rooms| rooms_json(&rooms, Some(self.sender.author())))
            }
            Request::Rename { name, color } => Ok(self.rename(name, color)),
            Request::Typing(room) => {
                self.presence.typing(room, Instant::now());
                Ok(json!({}))
            }
            Request::Who(room) => return self.presence.who(room, ack, &mut self.responder).await,
            Request::Nodes => return self.presence.nodes(ack, &mut self.responder).await,
            Request::Post(Post { .. }) => unreachable!("posts are stored in batches"),
        };
        match response {
            Ok(response) => self.responder.send_long(ack, &json!({ "ok": response })).await,
            Err(error) => self.responder.refuse(ack, &error.into()).await,
        }
    }

    /// Changes the name of later posts.
    fn rename(&mut self, name: UserName, color: Option<Hue>) -> Value {
        let before = self.sender.author();
        let user = Author { id: before.id.clone(), name, color: color.or(before.color) };
        let token = self.context.tokens.issue(&user, self.context.chat.clock().now());
        let response = identity_json(&user, &token);
        self.session.rename(user.clone());
        self.sender.rename(user);
        response
    }

    /// Responds before the cursor starts: nothing of the room arrives before the client knows where it begins.
    async fn join(
        &mut self,
        room: RoomName,
        position: Option<RoomPosition>,
        history: Option<u64>,
        ack: AckSender,
    ) {
        let newest = history.unwrap_or(u64::from(self.context.history.on_join)).min(HISTORY_MAX);
        let start = position.map_or(Start::Newest(newest), |position| after(position, newest));
        match self.context.chat.join(&self.session, &room, start).await {
            Ok(entered) => {
                let joined = joined_json(entered.joined(), self.context.chat.log().epoch());
                self.responder.send(ack, &json!({ "ok": joined })).await;
                entered.follow();
            }
            Err(error) => self.responder.refuse(ack, &error.into()).await,
        }
    }
}

fn after(position: RoomPosition, or_newest: u64) -> Start {
    Start::After { epoch: Some(position.epoch), seq: position.seq, or_newest }
}
