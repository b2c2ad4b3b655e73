//! Clients: each keeps its positions and its unacked posts, and reconnects to any node.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chorus::chat::{
    model::{Author, Epoch, Message, Nonce, RoomName, Seq},
    presence::subscription::PresenceEvent,
    publish::post::PostError,
};
use chorus_load::{
    identity::{ParsedText, StampedMessage, Texts},
    judge::Shown,
    outbox::{Outbox, Outcome},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    connection::{ClientEnd, Packet, Post},
    history::{Event, History},
    node::Cluster,
    rng::SeededRng,
    server::{ConnectRequest, Protocol},
};

/// How long a client waits for an ack before it repeats a post.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes a client drop its connection and stay away for a while.
#[derive(Clone, Copy)]
pub(crate) struct Vanish {
    pub(crate) away: Duration,
    /// Its node learns that the connection is closed.
    pub(crate) noticed: bool,
}

/// Tells a client to vanish.
#[derive(Default)]
pub(crate) struct VanishSignal {
    pending: Mutex<Option<Vanish>>,
    sent: Notify,
}

impl VanishSignal {
    pub(crate) fn send(&self, vanish: Vanish) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(vanish);
        self.sent.notify_one();
    }

    fn take(&self) -> Option<Vanish> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A client's state in one of its rooms. To the judge it is a member.
pub(crate) struct RoomState {
    pub(crate) member: usize,
    pub(crate) name: RoomName,
    shown: Seq,
    outbox: Outbox,
    /// How often the first post of the outbox was sent. A client that posts one at a time may give up after the first
    /// try.
    tries: u32,
    /// The newest of its own messages, for edits.
    own: Option<Seq>,
    /// The targets of those of its messages that are edits, by number.
    edits: BTreeMap<u32, Seq>,
}

impl RoomState {
    /// A room in which the client has at most `window` posts in flight.
    pub(crate) fn new(member: usize, name: RoomName, window: usize) -> Self {
        let outbox = Outbox::new(window, ACK_TIMEOUT);
        Self { member, name, shown: Seq::ZERO, outbox, tries: 0, own: None, edits: BTreeMap::new() }
    }
}

/// One client.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) protocol: Protocol,
    pub(crate) rooms: Vec<RoomState>,
    /// When it posts, and in which of its rooms.
    pub(crate) plan: VecDeque<(Instant, usize)>,
    pub(crate) connects_at: Instant,
    pub(crate) end: Option<ClientEnd>,
    pub(crate) epoch: Epoch,
    pub(crate) texts: Texts,
    pub(crate) vanish_signal: Arc<VanishSignal>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) rng: SeededRng,
}

impl Client {
    /// Runs until the simulation ends.
    pub(crate) async fn run(mut self) {
        let vanish_signal = self.vanish_signal.clone();
        loop {
            self.queue_due_posts();
            self.connect();
            self.send();
            let wake = self.wake_at();
            tokio::select! {
                biased;
                () = vanish_signal.sent.notified() => self.vanish(),
                packets = receive(self.end.as_ref()) => match packets {
                    Some(packets) => packets.into_iter().for_each(|packet| self.handle(packet)),
                    None => self.disconnected(),
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Tells the oracle that it will be in its rooms at the end. Tutorial clients take no part in presence.
    pub(crate) fn expect_presence(&self) {
        let rooms = self.rooms.iter().filter(|_| self.protocol != Protocol::Tutorial);
        let oracle = &self.cluster.environment().oracle;
        rooms.for_each(|room| oracle.expect(self.number, &room.name, self.author().id));
    }

    fn history(&self) -> &History {
        &self.cluster.environment().history
    }

    /// Puts due posts into the outboxes.
    fn queue_due_posts(&mut self) {
        let now = Instant::now();
        while let Some((_, room)) = self.plan.pop_front_if(|(due, _)| *due <= now) {
            let id = self.history().offer(self.rooms[room].member);
            let edits = self.protocol != Protocol::Tutorial && self.rng.percent(20);
            let state = &mut self.rooms[room];
            state.edits.extend(state.own.filter(|_| edits).map(|own| (id.number, own)));
            state.outbox.push(StampedMessage { id, due_us: 0 });
        }
    }

    fn connect(&mut self) {
        if self.end.is_some() || Instant::now() < self.connects_at {
            return;
        }
        let node = self.rng.below(self.cluster.count());
        let rooms = self.rooms.iter().map(|room| (room.name.clone(), self.epoch, room.shown)).collect();
        let request = ConnectRequest { protocol: self.protocol, author: self.author(), rooms };
        self.end = self.cluster.connect(node, self.number, request, self.rng.fork());
        if self.end.is_none() {
            self.connects_at = Instant::now() + self.rng.ms(50, 400);
        }
    }

    fn author(&self) -> Author {
        if self.protocol == Protocol::Tutorial {
            return Author::anonymous();
        }
        let id = format!("u{}", self.number).parse().expect("an id");
        Author { id, name: "someone".parse().expect("a name"), color: None }
    }

    fn send(&mut self) {
        let Some(end) = &self.end else { return };
        let now = Instant::now().into_std();
        for (room, state) in self.rooms.iter_mut().enumerate() {
            state.outbox.expire(now);
            while let Some((ack, message)) = state.outbox.next(now) {
                state.tries += 1;
                let text = self.texts.write(message);
                let offset = self.texts.nonce(message.id);
                let nonce = match self.protocol {
                    Protocol::Tutorial => Nonce::of_tutorial(&offset, &text),
                    Protocol::Native | Protocol::Api => offset.parse().expect("a nonce"),
                };
                let event = Event::Sent { member: state.member, number: message.id.number };
                self.cluster.environment().history.record(event);
                let target = state.edits.get(&message.id.number).copied();
                end.send(Post { room, name: state.name.clone(), nonce, target, text, ack });
            }
        }
    }

    fn wake_at(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(60);
        let due = self.plan.front().map(|(due, _)| *due);
        let connects = self.end.is_none().then_some(self.connects_at);
        let sends = self.rooms.iter().filter_map(|room| room.outbox.wake_at()).map(Instant::from_std);
        let sends = sends.filter(|_| self.end.is_some());
        due.into_iter().chain(connects).chain(sends).min().unwrap_or(far)
    }

    fn handle(&mut self, packet: Packet) {
        match packet {
            Packet::Session(recovered) => {
                self.history().record(Event::Resumed { client: self.number });
                if recovered.contains(&false) {
                    let number = self.number;
                    self.history()
                        .violation(format!("client {number} was told that its recovery is incomplete"));
                }
            }
            Packet::Messages(room, messages) => self.show(&room, &messages),
            Packet::Page(room, messages) => {
                self.show(&room, &messages);
                if let Some(end) = &self.end {
                    end.connection.ack_page();
                }
            }
            Packet::Members(room, list) => {
                self.history().record(Event::MembersListed { client: self.number, count: list.count });
                self.cluster.environment().oracle.listed(self.number, &room, &list);
            }
            Packet::Presence(event) => self.handle_event(&event),
            Packet::Response { room, ack, outcome } => {
                self.handle_response(room, ack, outcome.map(|receipt| receipt.seq))
            }
        }
    }

    fn handle_event(&self, event: &PresenceEvent) {
        if let PresenceEvent::Members(room, change) = event {
            let (joined, left) = (change.joined.len(), change.left.len());
            self.history().record(Event::PresenceChanged { client: self.number, joined, left });
            self.cluster.environment().oracle.changed(self.number, room, change);
        }
    }

    fn show(&mut self, room: &RoomName, messages: &[Arc<Message>]) {
        let state = self.rooms.iter_mut().find(|state| state.name == *room).expect("a room that it is in");
        for message in messages {
            let shown = match self.texts.read(message.draft.text.as_str()) {
                ParsedText::Ours(message) => Shown::Ours(message.id),
                ParsedText::Foreign => Shown::Foreign,
                ParsedText::Broken => Shown::Broken,
            };
            self.cluster.environment().history.show(state.member, message.seq, shown);
            state.shown = state.shown.max(message.seq);
        }
    }

    fn handle_response(&mut self, room: usize, ack: u64, outcome: Result<Seq, PostError>) {
        let (now, history) = (Instant::now().into_std(), &self.cluster.environment().history);
        let state = &mut self.rooms[room];
        match outcome {
            Ok(seq) => {
                if let Some(message) = state.outbox.answered(ack, now, Outcome::Settled) {
                    state.tries = 0;
                    let is_edit = state.edits.contains_key(&message.id.number);
                    state.own = if is_edit { state.own } else { Some(seq) };
                    history.ack(message.id, seq);
                }
            }
            Err(error) if !error.is_retryable() => history.violation(format!("a post was refused: {error}")),
            Err(error) => {
                let surely_not_stored = matches!(error, PostError::Busy | PostError::Unavailable);
                let gives_up = self.protocol == Protocol::Api && state.tries == 1 && surely_not_stored;
                let again =
                    if gives_up { Outcome::Settled } else { Outcome::RetryAfter(pause_after(&error)) };
                let Some(message) = state.outbox.answered(ack, now, again) else { return };
                let (member, number) = (state.member, message.id.number);
                history.record(Event::Refused { member, number, why: name_of(&error) });
                if gives_up {
                    state.tries = 0;
                    history.give_up(message.id);
                }
            }
        }
    }

    fn disconnected(&mut self) {
        self.history().record(Event::Disconnected { client: self.number });
        self.cluster.environment().oracle.disconnected(self.number);
        self.end = None;
        self.connects_at = Instant::now() + self.rng.ms(20, 800);
        self.rooms.iter_mut().for_each(|room| room.outbox.disconnected());
    }

    fn vanish(&mut self) {
        let Some(Vanish { away, noticed }) = self.vanish_signal.take() else { return };
        if let Some(end) = self.end.as_ref().filter(|_| noticed) {
            end.connection.close();
        }
        self.disconnected();
        self.connects_at = Instant::now() + away;
    }
}

async fn receive(end: Option<&ClientEnd>) -> Option<Vec<Packet>> {
    match end {
        Some(end) => end.connection.receive().await,
        None => std::future::pending().await,
    }
}

/// How long a client waits before it repeats a refused post.
fn pause_after(error: &PostError) -> Duration {
    match error {
        PostError::RetryFirst => Duration::from_millis(20),
        _ => Duration::from_millis(200),
    }
}

fn name_of(error: &PostError) -> &'static str {
    match error {
        PostError::NonceConflict => "nonce conflict",
        PostError::NoSuchMessage => "no such message",
        PostError::NotAuthor => "not the author",
        PostError::RetryFirst => "retry first",
        PostError::RateLimited { .. } => "rate limited",
        PostError::Overloaded => "overloaded",
        PostError::Busy => "busy",
        PostError::Unavailable => "unavailable",
        PostError::Unknown => "unknown",
    }
}
