//! Checks that every acked message reached every client exactly once, in one order.
//!
//! Pure: no I/O, no clock. It keeps one agreed sequence per room and, per client, the highest seq shown and the
//! gaps below it, so memory grows with messages plus clients, not with their product.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::identity::Identity;

mod verdict;

pub use verdict::{Kind, Verdict};

/// A message as a client showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A message of this run.
    Ours(Identity),
    /// A message of another sender; it takes part in the order.
    Foreign,
    /// A damaged message of this run.
    Broken,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(id) => id.fmt(f),
            Self::Foreign => f.write_str("a foreign message"),
            Self::Broken => f.write_str("a damaged message"),
        }
    }
}

/// What the judge knows about a client.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Index into the judge's rooms.
    pub room: usize,
    /// Whether the client is shown every seq of its room (`/chat`), or seqs may skip (`/`).
    pub dense: bool,
    /// The room's head before the run; the client must show what follows.
    pub after: u64,
}

struct View {
    member: Member,
    /// The highest seq shown.
    last: u64,
    /// Messages of this run shown.
    shown: u64,
    /// Ranges below `last` that were not shown, both ends included.
    gaps: Vec<(u64, u64)>,
}

impl View {
    fn gap(&self, seq: u64) -> Option<usize> {
        self.gaps.iter().position(|&(from, to)| from <= seq && seq <= to)
    }

    fn has(&self, seq: u64) -> bool {
        self.member.after < seq && seq <= self.last && self.gap(seq).is_none()
    }

    fn fill(&mut self, gap: usize, seq: u64) {
        let (from, to) = self.gaps.swap_remove(gap);
        let parts = [(from, seq - 1), (seq + 1, to)];
        self.gaps.extend(parts.into_iter().filter(|(from, to)| from <= to));
    }
}

#[derive(Default)]
struct Room {
    name: String,
    /// The agreed sequence: each seq as the first client that showed it reported.
    sequence: BTreeMap<u64, Shown>,
    /// Messages of this run in the sequence.
    ours: u64,
    /// The highest seq of these.
    top: u64,
}

impl Room {
    /// Records a message; false if the sequence has another one at its seq.
    fn record(&mut self, seq: u64, shown: Shown) -> bool {
        let known = *self.sequence.entry(seq).or_insert_with(|| {
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
    /// 0 while unknown.
    seq: u64,
    answer: Answer,
}

/// Collects the events of a run and gives the verdict.
pub struct Judge {
    rooms: Vec<Room>,
    clients: Vec<View>,
    /// By sender and number.
    offers: Vec<Vec<Offer>>,
    /// Acked messages whose seq is unknown.
    acked_without_seq: u64,
    verdict: Verdict,
}

impl Judge {
    /// Creates a judge of these clients; a client's index is its sender number.
    #[must_use]
    pub fn new(rooms: &[String], members: &[Member]) -> Self {
        let room = |name: &String| Room { name: name.clone(), ..Room::default() };
        let view = |&member: &Member| View { member, last: member.after, shown: 0, gaps: Vec::new() };
        Self {
            rooms: rooms.iter().map(room).collect(),
            clients: members.iter().map(view).collect(),
            offers: members.iter().map(|_| Vec::new()).collect(),
            acked_without_seq: 0,
            verdict: Verdict::default(),
        }
    }

    /// Registers a sender's next message.
    pub fn offer(&mut self, sender: u32) -> Identity {
        let offers = &mut self.offers[sender as usize];
        let number = u32::try_from(offers.len()).expect("no run has four billion messages of one sender");
        offers.push(Offer { seq: 0, answer: Answer::None });
        self.verdict.offered += 1;
        Identity { sender, number }
    }

    /// Registers an ack, with the seq if the protocol tells it. A repeated ack must name the same seq.
    pub fn ack(&mut self, id: Identity, seq: Option<u64>) {
        let room = self.clients[id.sender as usize].member.room;
        let Some(offer) = Self::offered(&mut self.offers, id) else { return };
        if offer.answer != Answer::Acked {
            offer.answer = Answer::Acked;
            self.verdict.acked += 1;
            self.acked_without_seq += u64::from(offer.seq == 0);
        }
        let Some(seq) = seq else { return };
        if offer.seq == 0 {
            offer.seq = seq;
            self.acked_without_seq -= 1;
        }
        let known = offer.seq;
        let room = &mut self.rooms[room];
        if known != seq || !room.record(seq, Shown::Ours(id)) {
            let name = &room.name;
            self.verdict.note(Kind::Disagreement, || {
                format!(
                    "{id} was acked at {name} {seq}, but has another seq, or that seq has another message"
                )
            });
        }
    }

    /// Registers a final refusal: the message must not be shown.
    pub fn refuse(&mut self, id: Identity) {
        let Some(offer) = Self::offered(&mut self.offers, id) else { return };
        if offer.answer == Answer::None {
            offer.answer = Answer::Refused;
            self.verdict.refused += 1;
        }
        if offer.seq != 0 {
            self.verdict.note(Kind::Ghost, || format!("{id} was shown and then refused for good"));
        }
    }

    /// Registers that a client showed a message. True if the message is of this run and new to the client.
    pub fn show(&mut self, client: usize, seq: u64, shown: Shown) -> bool {
        if !self.is_new(client, seq) {
            return false;
        }
        let room = &mut self.rooms[self.clients[client].member.room];
        let agreed = room.record(seq, shown);
        if !agreed {
            let name = &room.name;
            self.verdict
                .note(Kind::Disagreement, || format!("{name} {seq} differs between clients: {shown}"));
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

    /// Records that a client showed a seq; false if it had shown it before.
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
            self.verdict.note(Kind::Ghost, || format!("client {client} showed {id}, which was never sent"));
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
            self.acked_without_seq -= u64::from(offer.answer == Answer::Acked);
        } else if offer.seq != seq {
            let kind = if view.has(offer.seq) { Kind::Doubled } else { Kind::Disagreement };
            let other = offer.seq;
            self.verdict
                .note(kind, || format!("client {client} showed {id} at {seq}, but its seq is {other}"));
        }
        true
    }

    fn offered(offers: &mut [Vec<Offer>], id: Identity) -> Option<&mut Offer> {
        offers.get_mut(id.sender as usize)?.get_mut(id.number as usize)
    }

    /// The highest known seq of this run's messages in a room.
    #[must_use]
    pub fn top(&self, room: usize) -> u64 {
        self.rooms[room].top
    }

    /// The counts so far; missing messages are counted by [`finish`](Self::finish) only.
    #[must_use]
    pub fn so_far(&self) -> &Verdict {
        &self.verdict
    }

    /// Deliveries still expected of messages whose seq is known.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let missing = |view: &View| self.rooms[view.member.room].ours.saturating_sub(view.shown);
        self.clients.iter().map(missing).sum()
    }

    /// Whether every message was answered and every client has reached the end of its room.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let all_answered = self.verdict.offered == self.verdict.acked + self.verdict.refused;
        let at_the_end = |view: &View| self.rooms[view.member.room].top <= view.last;
        all_answered && self.acked_without_seq == 0 && self.clients.iter().all(at_the_end)
    }

    /// Returns the verdict, including what never arrived.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        self.judge_missing();
        self.judge_acked_without_seq();
        self.judge_sender_order();
        self.verdict
    }

    /// Judges gaps and missing tails of clients.
    fn judge_missing(&mut self) {
        for (client, view) in self.clients.iter().enumerate() {
            let room = &self.rooms[view.member.room];
            let tail = (view.last + 1, room.top);
            for &(from, to) in view.gaps.iter().chain([&tail]).filter(|(from, to)| from <= to) {
                let mut explained = 0;
                for (seq, shown) in room.sequence.range(from..=to) {
                    let Shown::Ours(id) = *shown else { continue };
                    explained += 1;
                    let acked =
                        Self::offered(&mut self.offers, id).is_some_and(|o| o.answer == Answer::Acked);
                    let (kind, why) = match acked {
                        true => (Kind::Lost, "which was acked"),
                        false => (Kind::Disagreement, "which other clients showed"),
                    };
                    let name = &room.name;
                    self.verdict
                        .note(kind, || format!("client {client} never showed {name} {seq}: {id}, {why}"));
                }
                if view.member.dense && (from, to) != tail {
                    let name = &room.name;
                    let holes = to - from + 1 - explained;
                    self.verdict.note_many(Kind::Hole, holes, || {
                        format!("client {client} skipped {name} {from} to {to}")
                    });
                }
            }
        }
    }

    /// Judges acked messages that no client showed.
    fn judge_acked_without_seq(&mut self) {
        for (sender, offers) in self.offers.iter().enumerate() {
            let room = self.clients[sender].member.room;
            let members = self.clients.iter().filter(|view| view.member.room == room).count() as u64;
            for (number, offer) in offers.iter().enumerate() {
                if offer.answer == Answer::Acked && offer.seq == 0 {
                    self.verdict.note_many(Kind::Lost, members, || {
                        format!("message {number} of sender {sender} was acked, but no client showed it")
                    });
                }
            }
        }
    }

    /// Judges the order of each sender's messages in the agreed sequence.
    fn judge_sender_order(&mut self) {
        for room in &self.rooms {
            let mut newest: HashMap<u32, u32> = HashMap::new();
            for (seq, shown) in &room.sequence {
                let Shown::Ours(id) = *shown else { continue };
                if Self::offered(&mut self.offers, id).is_none_or(|offer| offer.seq != *seq) {
                    continue;
                }
                let newest = newest.entry(id.sender).or_default();
                if id.number < *newest {
                    let (name, newest) = (&room.name, *newest);
                    self.verdict.note(Kind::Inverted, || {
                        format!("{name} {seq} is {id}, after the sender's message {newest}")
                    });
                }
                *newest = id.number.max(*newest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
