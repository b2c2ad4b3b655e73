//! Presence on `/chat`: the requests `who`, `nodes` and `typing`, and the events `presence` and `typing`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use socketioxide::extract::AckSender;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    chat::{
        delivery::session::Session,
        model::RoomName,
        presence::{participant::Participant, subscription::PresenceEvent},
    },
    gateway::{
        context::GatewayContext,
        native::sink::NativeSink,
        protocol::response::{AuthorJson, members_json, nodes_json, presence_json},
        socketio::responder::Responder,
    },
};

/// Pause between two typing notices of one session in one room; those in between are dropped.
const TYPING_PAUSE: Duration = Duration::from_secs(2);

/// Packets of the engine's buffer that presence events leave to messages and responses.
const PACKETS_LEFT: usize = 24;

/// Requests of one session that wait for other nodes at one time; further ones get what this node knows.
const FETCHES_MAX: usize = 2;

/// One socket's presence requests.
pub(super) struct PresenceRequests {
    context: Arc<GatewayContext>,
    session: Arc<Session>,
    sink: Arc<NativeSink>,
    fetches: Arc<Semaphore>,
    /// The rooms of recent typing notices: only rooms that the session is in.
    typed: Vec<(RoomName, Instant)>,
}

impl PresenceRequests {
    pub(super) fn new(context: &Arc<GatewayContext>, session: &Arc<Session>, sink: &Arc<NativeSink>) -> Self {
        Self {
            context: context.clone(),
            session: session.clone(),
            sink: sink.clone(),
            fetches: Arc::new(Semaphore::new(FETCHES_MAX)),
            typed: Vec::new(),
        }
    }

    /// Tells the other members of a room that the user is typing, unless it is not in the room or has just done so.
    pub(super) fn typing(&mut self, room: RoomName, now: Instant) {
        self.typed.retain(|(_, at)| now.saturating_duration_since(*at) < TYPING_PAUSE);
        if self.session.is_in(&room) && !self.typed.iter().any(|(typed, _)| *typed == room) {
            self.session.publish_typing(&room);
            self.typed.push((room, now));
        }
    }

    /// Responds with a room's members. What this node does not know is fetched in a task: no post waits for it.
    pub(super) async fn who(&self, room: RoomName, ack: AckSender, responder: &mut Responder) {
        let presence = self.context.presence.clone();
        match presence.cached_members(&room) {
            Some(members) => responder.send_long(ack, &json!({ "ok": members_json(&members) })).await,
            None => {
                let known = members_json(&presence.known_members(&room));
                let fetched = async move { members_json(&presence.members(&room).await) };
                self.respond_later(ack, responder, known, fetched).await;
            }
        }
    }

    /// Responds with the nodes that are alive.
    pub(super) async fn nodes(&self, ack: AckSender, responder: &mut Responder) {
        let presence = self.context.presence.clone();
        let alone = nodes_json(&[presence.status()]);
        self.respond_later(ack, responder, alone, async move { nodes_json(&presence.nodes().await) }).await;
    }

    /// Responds in a task once `fetched` completes, or at once with `known` if too many of this socket's fetches are
    /// under way.
    async fn respond_later(
        &self,
        ack: AckSender,
        responder: &mut Responder,
        known: Value,
        fetched: impl Future<Output = Value> + Send + 'static,
    ) {
        let Ok(permit) = self.fetches.clone().try_acquire_owned() else {
            return responder.send_long(ack, &json!({ "ok": known })).await;
        };
        let engine_session = &self.sink.socket_sink.engine_session;
        let mut responder =
            Responder::new(engine_session, self.session.ended(), self.context.stall_timeout());
        self.context.tracker.spawn(async move {
            responder.send_long(ack, &json!({ "ok": fetched.await })).await;
            drop(permit);
        });
    }
}

/// Emits presence events while messages leave room for them. It does not end.
pub(super) async fn emit_events(sink: &NativeSink, participant: &Participant) {
    let mut drains = sink.socket_sink.engine_session.drains();
    loop {
        let event = participant.next_event().await;
        while !emit(sink, &event) {
            drains = sink.socket_sink.engine_session.drained_since(drains).await;
        }
    }
}

fn emit(sink: &NativeSink, event: &PresenceEvent) -> bool {
    if sink.socket_sink.engine_session.capacity() <= PACKETS_LEFT {
        return false;
    }
    match event {
        PresenceEvent::Members(room, change) => {
            sink.socket_sink.emit("presence", &presence_json(room, change))
        }
        PresenceEvent::Typing(room, author) => {
            let typing = json!({ "room": room.as_str(), "user": AuthorJson::from(author) });
            sink.socket_sink.emit("typing", &typing)
        }
    }
}
