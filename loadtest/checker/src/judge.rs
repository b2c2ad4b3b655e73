//! What must be true at the end: every acked message reached every client exactly once, in one order.
//!
//! Pure: it is told what was offered, answered and shown, and knows no sockets and no clock.
//! It keeps one agreed sequence a room and, of each client, how far it has come and what it stepped
//! over: memory grows with the messages and with the clients, not with their product.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::identity::Identity;

mod verdict;

pub use verdict::{Kind, Verdict};

/// What is at a place of a room, as the first client that showed it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A message of this run.
    Ours(Identity),
    /// Another's; it counts in the order.
    Foreign,
    /// It claims to be of this run and is damaged.
    Broken,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(id) => id.fmt(f),
            Self::Foreign => f.write_str("a message of others"),
            Self::Broken => f.write_str("a damaged message"),
        }
    }
}

/// A client, to the judge.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The room's number, in the order in which the rooms were given.
    pub room: usize,
    /// Its protocol brings every place of the room, so that a skipped one is missing (`/chat`; on
    /// `/` places may skip).
    pub dense: bool,
    /// It has all up to here before it first joins, and answers for what follows.
    pub after: u64,
}

struct View {
    member: Member,
    /// The highest place it showed.
    last: u64,
    /// How many messages of this run it showed.
    shown: u64,
    /// Places below `last` that it has not shown: from and to, both included.
    gaps: Vec<(u64, u64)>,
}

impl View {
    fn gap(&self, seq: u64) -> Option<usize> {
        self.gaps.iter().position(|&(from, to)| from <= seq && seq <= to)
    }

    fn has(&self, seq: u64) -> bool {
        self.member.after < seq && seq <= self.last && self.gap(seq).is_none()
    }

    /// Takes a place out of the gap that it is in.
    fn fill(&mut self, gap: usize, seq: u64) {
        let (from, to) = self.gaps.swap_remove(gap);
        let parts = [(from, seq - 1), (seq + 1, to)];
        self.gaps.extend(parts.into_iter().filter(|(from, to)| from <= to));
    }
}

#[derive(Default)]
struct Room {
    name: String,
    places: BTreeMap<u64, Shown>,
    /// Messages of this run with a place.
    ours: u64,
    /// The highest place of one of them.
    top: u64,
}

impl Room {
    /// Puts a message at its place; false if another is there.
    fn place(&mut self, seq: u64, shown: Shown) -> bool {
        let known = *self.places.entry(seq).or_insert_with(|| {
            if matches!(shown, Shown::Ours(_)) {
                self.ours += 1;
                self.top = self.top.max(seq);
            }
            shown
        });
        known == shown
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    None,
    Acked,
    Refused,
}

struct Offer {
    /// 0: not known.
    seq: u64,
    answer: Answer,
}

/// Listens to a run and says at its end what was wrong.
pub struct Judge {
    rooms: Vec<Room>,
    clients: Vec<View>,
    /// By sender, by number.
    offers: Vec<Vec<Offer>>,
    /// Acked, and no place is known.
    unplaced: u64,
    verdict: Verdict,
}

impl Judge {
    /// A judge of these clients, who send under their own numbers.
    #[must_use]
    pub fn new(rooms: &[String], members: &[Member]) -> Self {
        let room = |name: &String| Room { name: name.clone(), ..Room::default() };
        let view = |&member: &Member| View { member, last: member.after, shown: 0, gaps: Vec::new() };
        Self {
            rooms: rooms.iter().map(room).collect(),
            clients: members.iter().map(view).collect(),
            offers: members.iter().map(|_| Vec::new()).collect(),
            unplaced: 0,
            verdict: Verdict::default(),
        }
    }

    /// A sender means to send its next message.
    pub fn offer(&mut self, sender: u32) -> Identity {
        let offers = &mut self.offers[sender as usize];
        let number = u32::try_from(offers.len()).expect("no run has four billion messages of one sender");
        offers.push(Offer { seq: 0, answer: Answer::None });
        self.verdict.offered += 1;
        Identity { sender, number }
    }

    /// A message was acked, with its place where the protocol says it. A second ack only
    /// has to name the same place.
    pub fn ack(&mut self, id: Identity, seq: Option<u64>) {
        let room = self.clients[id.sender as usize].member.room;
        let Some(offer) = Self::offered(&mut self.offers, id) else { return };
        if offer.answer != Answer::Acked {
            offer.answer = Answer::Acked;
            self.verdict.acked += 1;
            self.unplaced += u64::from(offer.seq == 0);
        }
        let Some(seq) = seq else { return };
        if offer.seq == 0 {
            offer.seq = seq;
            self.unplaced -= 1;
        }
        let placed = offer.seq;
        let room = &mut self.rooms[room];
        if placed != seq || !room.place(seq, Shown::Ours(id)) {
            let name = &room.name;
            self.verdict.note(Kind::Disagreement, || {
                format!("{id} was acked at {name} {seq}, and is elsewhere, or another is there")
            });
        }
    }

    /// A message was refused for good: it must not be shown.
    pub fn refuse(&mut self, id: Identity) {
        let Some(offer) = Self::offered(&mut self.offers, id) else { return };
        if offer.answer == Answer::None {
            offer.answer = Answer::Refused;
            self.verdict.refused += 1;
        }
        if offer.seq != 0 {
            self.verdict.note(Kind::Ghost, || format!("{id} was shown, and then refused for good"));
        }
    }

    /// A client shows what came to it. Whether it is the first time, of a message of this run.
    pub fn show(&mut self, client: usize, seq: u64, shown: Shown) -> bool {
        if !self.is_new(client, seq) {
            return false;
        }
        let room = &mut self.rooms[self.clients[client].member.room];
        let agreed = room.place(seq, shown);
        if !agreed {
            let name = &room.name;
            self.verdict.note(Kind::Disagreement, || format!("{name} {seq} is not the same to all: {shown}"));
        }
        match shown {
            Shown::Ours(id) => self.show_ours(client, seq, id, agreed),
            Shown::Foreign => {
                self.verdict.foreign += 1;
                false
            }
            Shown::Broken => {
                self.verdict.note(Kind::Ghost, || format!("client {client} showed a damaged text at {seq}"));
                false
            }
        }
    }

    /// Moves a client to a place; false if it has been there.
    fn is_new(&mut self, client: usize, seq: u64) -> bool {
        let view = &mut self.clients[client];
        let room = &self.rooms[view.member.room].name;
        if view.last < seq {
            if view.last + 1 < seq {
                view.gaps.push((view.last + 1, seq - 1));
            }
            view.last = seq;
        } else if let Some(gap) = view.gap(seq) {
            view.fill(gap, seq);
            let last = view.last;
            self.verdict.note(Kind::Inverted, || format!("client {client} showed {room} {seq} after {last}"));
        } else {
            self.verdict.note(Kind::Doubled, || format!("client {client} showed {room} {seq} again"));
            return false;
        }
        true
    }

    fn show_ours(&mut self, client: usize, seq: u64, id: Identity, agreed: bool) -> bool {
        let Some(offer) = Self::offered(&mut self.offers, id) else {
            self.verdict
                .note(Kind::Ghost, || format!("client {client} showed {id}, which was never offered"));
            return false;
        };
        let view = &mut self.clients[client];
        view.shown += 1;
        self.verdict.delivered += 1;
        if offer.answer == Answer::Refused {
            self.verdict
                .note(Kind::Ghost, || format!("client {client} showed {id}, which was refused for good"));
        }
        if !agreed {
            return true;
        }
        if offer.seq == 0 {
            offer.seq = seq;
            self.unplaced -= u64::from(offer.answer == Answer::Acked);
        } else if offer.seq != seq {
            let kind = if view.has(offer.seq) { Kind::Doubled } else { Kind::Disagreement };
            let other = offer.seq;
            self.verdict.note(kind, || format!("client {client} showed {id} at {seq}, and it is at {other}"));
        }
        true
    }

    fn offered(offers: &mut [Vec<Offer>], id: Identity) -> Option<&mut Offer> {
        offers.get_mut(id.sender as usize)?.get_mut(id.number as usize)
    }

    /// How far a room of this run is known to reach.
    #[must_use]
    pub fn top(&self, room: usize) -> u64 {
        self.rooms[room].top
    }

    /// The counts so far; what is missing is only known at the end.
    #[must_use]
    pub fn so_far(&self) -> &Verdict {
        &self.verdict
    }

    /// Deliveries that are still to come, as far as places are known.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let missing = |view: &View| self.rooms[view.member.room].ours.saturating_sub(view.shown);
        self.clients.iter().map(missing).sum()
    }

    /// Whether nothing is outstanding: everything was answered, and every client has come to the end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let all_answered = self.verdict.offered == self.verdict.acked + self.verdict.refused;
        let at_the_end = |view: &View| self.rooms[view.member.room].top <= view.last;
        all_answered && self.unplaced == 0 && self.clients.iter().all(at_the_end)
    }

    /// The verdict, with what never came.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        self.judge_missing();
        self.judge_unplaced();
        self.judge_senders_order();
        self.verdict
    }

    /// What clients stepped over, or never came to.
    fn judge_missing(&mut self) {
        for (client, view) in self.clients.iter().enumerate() {
            let room = &self.rooms[view.member.room];
            let tail = (view.last + 1, room.top);
            for &(from, to) in view.gaps.iter().chain([&tail]).filter(|(from, to)| from <= to) {
                let mut explained = 0;
                for (seq, shown) in room.places.range(from..=to) {
                    let Shown::Ours(id) = *shown else { continue };
                    explained += 1;
                    let acked =
                        Self::offered(&mut self.offers, id).is_some_and(|o| o.answer == Answer::Acked);
                    let (kind, why) = match acked {
                        true => (Kind::Lost, "which was acked"),
                        false => (Kind::Disagreement, "which others showed"),
                    };
                    let name = &room.name;
                    self.verdict
                        .note(kind, || format!("client {client} never showed {name} {seq}: {id}, {why}"));
                }
                if view.member.dense && (from, to) != tail {
                    let name = &room.name;
                    let holes = to - from + 1 - explained;
                    self.verdict.note_many(Kind::Hole, holes, || {
                        format!("client {client} stepped over {name} {from} to {to}")
                    });
                }
            }
        }
    }

    /// Acked, and shown by nobody.
    fn judge_unplaced(&mut self) {
        for (sender, offers) in self.offers.iter().enumerate() {
            let room = self.clients[sender].member.room;
            let members = self.clients.iter().filter(|view| view.member.room == room).count() as u64;
            for (number, offer) in offers.iter().enumerate() {
                if offer.answer == Answer::Acked && offer.seq == 0 {
                    self.verdict.note_many(Kind::Lost, members, || {
                        format!("message {number} of sender {sender} was acked, and nobody showed it")
                    });
                }
            }
        }
    }

    /// The order of each sender's messages in the sequence that all agree on.
    fn judge_senders_order(&mut self) {
        for room in &self.rooms {
            let mut newest: HashMap<u32, u32> = HashMap::new();
            for (seq, shown) in &room.places {
                let Shown::Ours(id) = *shown else { continue };
                if Self::offered(&mut self.offers, id).is_none_or(|offer| offer.seq != *seq) {
                    continue;
                }
                let newest = newest.entry(id.sender).or_default();
                if id.number < *newest {
                    let (name, newest) = (&room.name, *newest);
                    self.verdict.note(Kind::Inverted, || format!("{name} {seq} is {id}, after its {newest}"));
                }
                *newest = id.number.max(*newest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
