//! The rooms, nonces and messages of a log in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    chat::{
        model::{
            Draft, Kind, LogPosition, Message, MessageText, Nonce, RoomName, SearchQuery, Seq, UnixMs, UserId,
        },
        ports::{Appended, Changes, Extent, ListedRoom, Receipt, SearchResult},
    },
    store::{
        digest::Digest,
        page::Page,
        retention::{KEPT_MIN, Retention},
        scan_budget::ScanBudget,
    },
};

#[derive(Default)]
pub(super) struct State {
    pub(super) is_closed: bool,
    pub(super) rooms: BTreeMap<RoomName, Room>,
    pub(super) nonces: HashMap<NonceKey, (Receipt, Digest)>,
    nonces_by_age: BTreeSet<(UnixMs, NonceKey)>,
    /// Every message in the order of the log, after the `pruned` oldest.
    entries: VecDeque<(RoomName, Seq)>,
    pruned: u64,
    /// The text of all messages.
    bytes: u64,
}

pub(super) type NonceKey = (RoomName, UserId, Nonce);

#[derive(Default)]
pub(super) struct Room {
    pruned: Seq,
    pub(super) messages: VecDeque<Arc<Message>>,
}

impl State {
    pub(super) fn extent(&self, room: &RoomName) -> Extent {
        self.rooms.get(room).map(Room::extent).unwrap_or_default()
    }

    pub(super) fn position(&self) -> LogPosition {
        LogPosition(self.pruned + self.entries.len() as u64)
    }

    /// Appends one draft and adds it to `stored`, unless its nonce is known.
    pub(super) fn append(&mut self, draft: Draft, stored: &mut Vec<Arc<Message>>) -> Appended {
        let digest = Digest::of(&draft);
        let key = draft.nonce.clone().map(|nonce| (draft.room.clone(), draft.author.id.clone(), nonce));
        if let Some((receipt, earlier)) = key.as_ref().and_then(|key| self.nonces.get(key)) {
            return if *earlier == digest { Appended::Known(*receipt) } else { Appended::Conflict };
        }

        let room = self.rooms.entry(draft.room.clone()).or_default();
        let receipt = Receipt { seq: room.extent().head.next(), at: draft.at };
        if let Some(key) = key {
            self.nonces.insert(key.clone(), (receipt, digest));
            self.nonces_by_age.insert((receipt.at, key));
        }
        self.entries.push_back((draft.room.clone(), receipt.seq));
        self.bytes += draft.text.as_str().len() as u64;
        let message = Arc::new(Message { seq: receipt.seq, draft });
        room.messages.push_back(message.clone());
        stored.push(message);
        Appended::Stored(receipt)
    }

    pub(super) fn changes_since(&self, position: LogPosition) -> Changes {
        let mut heads = BTreeMap::new();
        if position.0 < self.pruned {
            // A pruned message does not say which room it was in: report every room that lost some.
            let pruned = self.rooms.iter().filter(|(_, room)| Seq::ZERO < room.pruned);
            heads.extend(pruned.map(|(name, room)| (name.clone(), room.extent().head)));
        }
        let seen = usize::try_from(position.0.saturating_sub(self.pruned)).unwrap_or(usize::MAX);
        heads.extend(self.entries.iter().skip(seen).cloned());
        Changes { position: self.position(), heads: heads.into_iter().collect() }
    }

    /// Deletes the messages and nonces that have expired.
    pub(super) fn apply_retention(&mut self, retention: &Retention, now: UnixMs) {
        let is_old = |at: UnixMs| retention.messages_before(now).is_some_and(|before| at < before);
        let is_too_large = |bytes| retention.bytes_max().is_some_and(|bytes_max| bytes_max < bytes);
        while let Some(oldest) = self.oldest()
            && (is_old(oldest.draft.at) || (is_too_large(self.bytes) && KEPT_MIN < self.entries.len()))
        {
            self.prune(&oldest);
        }
        let before = retention.nonces_before(now);
        while self.nonces_by_age.first().is_some_and(|(at, _)| *at < before) {
            let (_, key) = self.nonces_by_age.pop_first().expect("the loop's condition found a first one");
            self.nonces.remove(&key);
        }
    }

    /// The oldest message of the log; it is also the oldest of its room.
    fn oldest(&self) -> Option<Arc<Message>> {
        let (room, _) = self.entries.front()?;
        self.rooms.get(room)?.messages.front().cloned()
    }

    fn prune(&mut self, oldest: &Message) {
        self.entries.pop_front();
        self.pruned += 1;
        self.bytes -= oldest.draft.text.as_str().len() as u64;
        if let Some(room) = self.rooms.get_mut(&oldest.draft.room) {
            room.messages.pop_front();
            room.pruned = oldest.seq;
        }
    }
}

impl Room {
    fn extent(&self) -> Extent {
        // Seqs have no holes, so that the head is a count.
        Extent { pruned: self.pruned, head: Seq(self.pruned.0 + self.messages.len() as u64) }
    }

    pub(super) fn list(&self, room: RoomName, budget: &mut ScanBudget) -> ListedRoom {
        let extent = self.extent();
        let after = budget.scan_after(extent);
        let mut newest = self.messages.iter().rev().take_while(|message| after < message.seq);
        let last = newest.find(|message| message.draft.kind == Kind::Text).cloned();
        budget.spend(extent, after, last.as_deref());
        ListedRoom { room, extent, last }
    }

    /// Scans from the newest message back, so that a message's amendments are seen before the message.
    pub(super) fn search(&self, query: &SearchQuery, before: Seq, limit: usize) -> SearchResult {
        let mut page = Page::new(limit);
        // The current text by target and author; `None` once it was deleted.
        let mut current: HashMap<(Seq, &UserId), Option<&MessageText>> = HashMap::new();
        for message in self.messages.iter().rev() {
            let Draft { kind, target, author, text, .. } = &message.draft;
            match (kind, target) {
                (Kind::Edit, Some(target)) => {
                    current.entry((*target, &author.id)).or_insert(Some(text));
                }
                (Kind::Delete, Some(target)) => {
                    current.insert((*target, &author.id), None);
                }
                _ => {}
            }
            if *kind != Kind::Text || before <= message.seq {
                continue;
            }
            let text = current.get(&(message.seq, &author.id)).copied().unwrap_or(Some(text));
            let Some(text) = text.filter(|text| query.matches(text.as_str())) else { continue };
            if page.is_full() {
                return SearchResult { messages: page.into_messages(), more: true };
            }
            let mut found = Message::clone(message);
            found.draft.text = text.clone();
            page.push(Arc::new(found));
        }
        SearchResult { messages: page.into_messages(), more: false }
    }
}
