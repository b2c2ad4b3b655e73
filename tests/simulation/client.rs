//! Clients: each keeps its places and what is not answered yet, and comes back wherever a node is.

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
    identity::{Heard, Said, Texts},
    judge::Shown,
    outbox::{Outbox, Outcome},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    connection::{ClientEnd, Packet, Post},
    dice::Dice,
    history::{Event, History},
    node::Cluster,
    server::{Dialect, Hello},
};

/// A post that is not answered for so long is sent again.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that is to vanish, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Vanishing {
    pub(crate) away: Duration,
    /// Its node learns that the connection is gone.
    pub(crate) noticed: bool,
}

/// Where a client is told to vanish.
#[derive(Default)]
pub(crate) struct Orders {
    vanishing: Mutex<Option<Vanishing>>,
    given: Notify,
}

impl Orders {
    pub(crate) fn vanish(&self, vanishing: Vanishing) {
        *self.vanishing.lock().unwrap_or_else(PoisonError::into_inner) = Some(vanishing);
        self.given.notify_one();
    }

    fn take(&self) -> Option<Vanishing> {
        self.vanishing.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A client in one of its rooms: to the judge, a member.
pub(crate) struct Seat {
    pub(crate) member: usize,
    pub(crate) room: RoomName,
    shown: Seq,
    outbox: Outbox,
    /// How often the first of the outbox was sent: who posts one at a time may give up a first try.
    tries: u32,
    /// The newest of its own messages, to be edited.
    own: Option<Seq>,
    /// Those of its messages that are edits, by their numbers, and of what.
    edits: BTreeMap<u32, Seq>,
}

impl Seat {
    /// A seat that sends so many posts at one time.
    pub(crate) fn new(member: usize, room: RoomName, window: usize) -> Self {
        let outbox = Outbox::new(window, ACK_TIMEOUT);
        Self { member, room, shown: Seq::ZERO, outbox, tries: 0, own: None, edits: BTreeMap::new() }
    }
}

/// One client.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) dialect: Dialect,
    pub(crate) seats: Vec<Seat>,
    /// When it says something, and on which seat.
    pub(crate) plan: VecDeque<(Instant, usize)>,
    pub(crate) connects_at: Instant,
    pub(crate) end: Option<ClientEnd>,
    pub(crate) epoch: Epoch,
    pub(crate) texts: Texts,
    pub(crate) orders: Arc<Orders>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) dice: Dice,
}

impl Client {
    /// Lives as long as the world.
    pub(crate) async fn live(mut self) {
        let orders = self.orders.clone();
        loop {
            self.speak();
            self.connect();
            self.send();
            let wake = self.wake_at();
            tokio::select! {
                biased;
                () = orders.given.notified() => self.vanish(),
                packets = receive(self.end.as_ref()) => match packets {
                    Some(packets) => packets.into_iter().for_each(|packet| self.take(packet)),
                    None => self.disconnected(),
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// It will be in its rooms at the end, and wants to know who else is. Tutorial clients are told of nobody.
    pub(crate) fn expect_company(&self) {
        let seats = self.seats.iter().filter(|_| self.dialect != Dialect::Tutorial);
        seats.for_each(|seat| self.cluster.ground().roll.expect(self.number, &seat.room, self.author().id));
    }

    fn history(&self) -> &History {
        &self.cluster.ground().history
    }

    /// Puts what is due into the outbox.
    fn speak(&mut self) {
        let now = Instant::now();
        while let Some((_, seat)) = self.plan.pop_front_if(|(due, _)| *due <= now) {
            let id = self.history().offer(self.seats[seat].member);
            let edits = self.dialect != Dialect::Tutorial && self.dice.percent(20);
            let seat = &mut self.seats[seat];
            seat.edits.extend(seat.own.filter(|_| edits).map(|own| (id.number, own)));
            seat.outbox.push(Said { id, due_us: 0 });
        }
    }

    fn connect(&mut self) {
        if self.end.is_some() || Instant::now() < self.connects_at {
            return;
        }
        let node = self.dice.below(self.cluster.count());
        let rooms = self.seats.iter().map(|seat| (seat.room.clone(), self.epoch, seat.shown)).collect();
        let hello = Hello { dialect: self.dialect, author: self.author(), rooms };
        self.end = self.cluster.connect(node, self.number, hello, self.dice.fork());
        if self.end.is_none() {
            self.connects_at = Instant::now() + self.dice.ms(50, 400);
        }
    }

    fn author(&self) -> Author {
        if self.dialect == Dialect::Tutorial {
            return Author::anonymous();
        }
        let id = format!("u{}", self.number).parse().expect("an id");
        Author { id, name: "someone".parse().expect("a name"), color: None }
    }

    fn send(&mut self) {
        let Some(end) = &self.end else { return };
        let now = Instant::now().into_std();
        for (room, seat) in self.seats.iter_mut().enumerate() {
            seat.outbox.expire(now);
            while let Some((ack, said)) = seat.outbox.next(now) {
                seat.tries += 1;
                let text = self.texts.write(said);
                let offset = self.texts.nonce(said.id);
                let nonce = match self.dialect {
                    Dialect::Tutorial => Nonce::of_tutorial(&offset, &text),
                    Dialect::Native | Dialect::Api => offset.parse().expect("a nonce"),
                };
                let event = Event::Sent { member: seat.member, number: said.id.number };
                self.cluster.ground().history.note(event);
                let of = seat.edits.get(&said.id.number).copied();
                end.send(Post { room, name: seat.room.clone(), nonce, of, text, ack });
            }
        }
    }

    fn wake_at(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(60);
        let due = self.plan.front().map(|(due, _)| *due);
        let connects = self.end.is_none().then_some(self.connects_at);
        let sends = self.seats.iter().filter_map(|seat| seat.outbox.wake_at()).map(Instant::from_std);
        let sends = sends.filter(|_| self.end.is_some());
        due.into_iter().chain(connects).chain(sends).min().unwrap_or(far)
    }

    fn take(&mut self, packet: Packet) {
        match packet {
            Packet::Session(recovered) => {
                self.history().note(Event::Resumed { client: self.number });
                if recovered.contains(&false) {
                    let number = self.number;
                    self.history().wrong(format!("client {number} was told that it was not recovered"));
                }
            }
            Packet::Messages(room, messages) => self.show(&room, &messages),
            Packet::Page(room, messages) => {
                self.show(&room, &messages);
                if let Some(end) = &self.end {
                    end.connection.ack_page();
                }
            }
            Packet::Members(room, people) => {
                self.history().note(Event::PeopleKnown { client: self.number, count: people.count });
                self.cluster.ground().roll.answer(self.number, &room, &people);
            }
            Packet::Presence(news) => self.learn(&news),
            Packet::Answer { room, ack, outcome } => {
                self.answered(room, ack, outcome.map(|receipt| receipt.seq))
            }
        }
    }

    fn learn(&self, news: &PresenceEvent) {
        if let PresenceEvent::Members(room, change) = news {
            let (joined, left) = (change.joined.len(), change.left.len());
            self.history().note(Event::PeopleTold { client: self.number, joined, left });
            self.cluster.ground().roll.tell(self.number, room, change);
        }
    }

    fn show(&mut self, room: &RoomName, messages: &[Arc<Message>]) {
        let seat = self.seats.iter_mut().find(|seat| seat.room == *room).expect("a room that it is in");
        for message in messages {
            let shown = match self.texts.read(message.draft.text.as_str()) {
                Heard::Ours(said) => Shown::Ours(said.id),
                Heard::Foreign => Shown::Foreign,
                Heard::Broken => Shown::Broken,
            };
            self.cluster.ground().history.show(seat.member, message.seq, shown);
            seat.shown = seat.shown.max(message.seq);
        }
    }

    fn answered(&mut self, room: usize, ack: u64, outcome: Result<Seq, PostError>) {
        let (now, history) = (Instant::now().into_std(), &self.cluster.ground().history);
        let seat = &mut self.seats[room];
        match outcome {
            Ok(seq) => {
                if let Some(said) = seat.outbox.answered(ack, now, Outcome::Settled) {
                    seat.tries = 0;
                    let is_edit = seat.edits.contains_key(&said.id.number);
                    seat.own = if is_edit { seat.own } else { Some(seq) };
                    history.ack(said.id, seq);
                }
            }
            Err(error) if !error.is_retryable() => history.wrong(format!("a post was refused: {error}")),
            Err(error) => {
                let surely_not_stored = matches!(error, PostError::Busy | PostError::Unavailable);
                let gives_up = self.dialect == Dialect::Api && seat.tries == 1 && surely_not_stored;
                let again = if gives_up { Outcome::Settled } else { Outcome::Again(pause_after(&error)) };
                let Some(said) = seat.outbox.answered(ack, now, again) else { return };
                let (member, number) = (seat.member, said.id.number);
                history.note(Event::Refused { member, number, why: name_of(&error) });
                if gives_up {
                    seat.tries = 0;
                    history.give_up(said.id);
                }
            }
        }
    }

    fn disconnected(&mut self) {
        self.history().note(Event::Disconnected { client: self.number });
        self.cluster.ground().roll.forget(self.number);
        self.end = None;
        self.connects_at = Instant::now() + self.dice.ms(20, 800);
        self.seats.iter_mut().for_each(|seat| seat.outbox.disconnected());
    }

    fn vanish(&mut self) {
        let Some(Vanishing { away, noticed }) = self.orders.take() else { return };
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

/// How long a client waits before it sends a refused post again.
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
        PostError::NotAuthor => "not its author",
        PostError::RetryFirst => "retry first",
        PostError::RateLimited { .. } => "rate limited",
        PostError::Overloaded => "overloaded",
        PostError::Busy => "busy",
        PostError::Unavailable => "unavailable",
        PostError::Unknown => "unknown",
    }
}
