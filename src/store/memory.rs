//! A log that lives and dies with its process: for `memory://` and for simulations.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::anyhow;
use async_trait::async_trait;

use crate::{
    chat::{
        model::{
            Draft, Epoch, Kind, LogPosition, Message, MessageText, Nonce, RoomName, SearchQuery, Seq, UnixMs,
            UserId,
        },
        ports::{
            AppendError, Appended, Changes, Clock, Commits, Extent, ListedRoom, MessageLog, ReadError,
            Receipt, SearchResult,
        },
    },
    config,
    store::{
        digest::Digest,
        page::{AMENDMENT_BYTES_MAX, Page},
        retention::{KEPT_MIN, Retention},
        scan_budget::ScanBudget,
    },
    sync::lock,
};

/// A log of one process. It keeps everything, as a disk would, unless it is told what to
/// forget: it is for trying out and for tests, not for months.
pub struct MemoryLog {
    epoch: Epoch,
    key: [u8; 32],
    /// Gone once the log is closed, so that whoever takes commits learns that no more come.
    commits: Mutex<Option<Commits>>,
    retention: Option<(Retention, Arc<dyn Clock>)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    rooms: BTreeMap<RoomName, Room>,
    nonces: HashMap<Scope, (Receipt, Digest)>,
    /// The same by age.
    nonce_ages: BTreeSet<(UnixMs, Scope)>,
    /// Every message's place, by its position; those up to `forgotten` are gone.
    places: VecDeque<(RoomName, Seq)>,
    forgotten: u64,
    /// The text of all messages.
    bytes: u64,
}

/// Under what a nonce is remembered.
type Scope = (RoomName, UserId, Nonce);

#[derive(Default)]
struct Room {
    pruned: Seq,
    messages: VecDeque<Arc<Message>>,
}

impl Room {
    fn extent(&self) -> Extent {
        // Without holes, so that the head is a count.
        Extent { pruned: self.pruned, head: Seq(self.pruned.0 + self.messages.len() as u64) }
    }

    /// Looks at each message, from the newest on: what became of one is known before it comes.
    fn search(&self, query: &SearchQuery, before: Seq, limit: usize) -> SearchResult {
        let mut page = Page::new(limit);
        // By what it is about and by whom; nothing once it was deleted.
        let mut changes: HashMap<(Seq, &UserId), Option<&MessageText>> = HashMap::new();
        for message in self.messages.iter().rev() {
            let Draft { kind, target, author, text, .. } = &message.draft;
            match (kind, target) {
                (Kind::Edit, Some(target)) => {
                    changes.entry((*target, &author.id)).or_insert(Some(text));
                }
                (Kind::Delete, Some(target)) => {
                    changes.insert((*target, &author.id), None);
                }
                _ => {}
            }
            if *kind != Kind::Text || before <= message.seq {
                continue;
            }
            let now = changes.get(&(message.seq, &author.id)).copied().unwrap_or(Some(text));
            let Some(now) = now.filter(|now| query.matches(now.as_str())) else { continue };
            if page.is_full() {
                return SearchResult { messages: page.in_order(), more: true };
            }
            let mut found = Message::clone(message);
            found.draft.text = now.clone();
            page.push(Arc::new(found));
        }
        SearchResult { messages: page.in_order(), more: false }
    }

    fn listed(&self, room: RoomName, looks: &mut ScanBudget) -> ListedRoom {
        let extent = self.extent();
        let after = looks.after(extent);
        let mut newest = self.messages.iter().rev().take_while(|message| after < message.seq);
        let last = newest.find(|message| message.draft.kind == Kind::Text).cloned();
        looks.count(extent, after, last.as_deref());
        ListedRoom { room, extent, last }
    }
}

impl MemoryLog {
    /// An empty log; what it stores is also sent to `commits`.
    #[must_use]
    pub fn new(epoch: Epoch, key: [u8; 32], commits: Commits) -> Self {
        Self { epoch, key, commits: Mutex::new(Some(commits)), retention: None, state: Mutex::default() }
    }

    /// Forgets what `settings` say, by `clock`, whenever the log is asked for something.
    #[must_use]
    pub fn retaining(self, settings: &config::Log, clock: Arc<dyn Clock>) -> Self {
        Self { retention: Some((Retention::of(settings), clock)), ..self }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        if let Some((retention, clock)) = &self.retention {
            state.forget(retention, clock.now());
        }
        state
    }

    fn commits(&self) -> MutexGuard<'_, Option<Commits>> {
        lock(&self.commits)
    }
}

impl State {
    fn extent(&self, room: &RoomName) -> Extent {
        self.rooms.get(room).map(Room::extent).unwrap_or_default()
    }

    fn position(&self) -> LogPosition {
        LogPosition(self.forgotten + self.places.len() as u64)
    }

    fn append(&mut self, draft: Draft, stored: &mut Vec<Arc<Message>>) -> Appended {
        let digest = Digest::of(&draft);
        let scope = draft.nonce.clone().map(|nonce| (draft.room.clone(), draft.author.id.clone(), nonce));
        if let Some((receipt, earlier)) = scope.as_ref().and_then(|scope| self.nonces.get(scope)) {
            return if *earlier == digest { Appended::Known(*receipt) } else { Appended::Conflict };
        }

        let room = self.rooms.entry(draft.room.clone()).or_default();
        let receipt = Receipt { seq: room.extent().head.next(), at: draft.at };
        if let Some(scope) = scope {
            self.nonces.insert(scope.clone(), (receipt, digest));
            self.nonce_ages.insert((receipt.at, scope));
        }
        self.places.push_back((draft.room.clone(), receipt.seq));
        self.bytes += draft.text.as_str().len() as u64;
        let message = Arc::new(Message { seq: receipt.seq, draft });
        room.messages.push_back(message.clone());
        stored.push(message);
        Appended::Stored(receipt)
    }

    fn forget(&mut self, retention: &Retention, now: UnixMs) {
        let is_old = |at: UnixMs| retention.messages_before(now).is_some_and(|before| at < before);
        let is_too_large = |bytes| retention.bytes_max().is_some_and(|most| most < bytes);
        while let Some(oldest) = self.oldest()
            && (is_old(oldest.draft.at) || (is_too_large(self.bytes) && KEPT_MIN < self.places.len()))
        {
            self.prune(&oldest);
        }
        let before = retention.nonces_before(now);
        while self.nonce_ages.first().is_some_and(|(at, _)| *at < before) {
            let (_, scope) = self.nonce_ages.pop_first().expect("it has a first");
            self.nonces.remove(&scope);
        }
    }

    /// The oldest message of all, in the order of the log: of its room, too.
    fn oldest(&self) -> Option<Arc<Message>> {
        let (room, _) = self.places.front()?;
        self.rooms.get(room)?.messages.front().cloned()
    }

    fn prune(&mut self, oldest: &Message) {
        self.places.pop_front();
        self.forgotten += 1;
        self.bytes -= oldest.draft.text.as_str().len() as u64;
        if let Some(room) = self.rooms.get_mut(&oldest.draft.room) {
            room.messages.pop_front();
            room.pruned = oldest.seq;
        }
    }
}

#[async_trait]
impl MessageLog for MemoryLog {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn key(&self) -> &[u8; 32] {
        &self.key
    }

    async fn append(&self, run: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let mut state = self.state();
        if state.closed {
            return Err(AppendError::Unavailable(anyhow!("the log is closed")));
        }
        let mut stored = Vec::new();
        let appended = run.into_iter().map(|draft| state.append(draft, &mut stored)).collect();
        if let Some(commits) = self.commits().as_ref().filter(|_| !stored.is_empty()) {
            // Under the state's lock, so that the channel has the log's order; a full one loses it.
            let _ = commits.try_send(stored);
        }
        Ok(appended)
    }

    async fn contains_nonce(
        &self,
        room: &RoomName,
        author: &UserId,
        nonce: &Nonce,
    ) -> Result<bool, ReadError> {
        Ok(self.state().nonces.contains_key(&(room.clone(), author.clone(), nonce.clone())))
    }

    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError> {
        let state = self.state();
        let Some(Room { messages, .. }) = state.rooms.get(room) else { return Ok(Vec::new()) };
        let first = messages.partition_point(|message| message.seq <= after);
        Ok(Page::of(messages.range(first..), limit).in_order())
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let state = self.state();
        let Some(Room { messages, .. }) = state.rooms.get(room) else { return Ok(Vec::new()) };
        let end = messages.partition_point(|message| message.seq < before);
        Ok(Page::of(messages.range(..end).rev(), limit).reversed())
    }

    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let state = self.state();
        let Some(Room { messages, .. }) = state.rooms.get(room) else { return Ok(Vec::new()) };
        let beyond = messages.partition_point(|message| message.seq <= last);
        let is_of =
            |message: &&Arc<Message>| message.draft.target.is_some_and(|of| first <= of && of <= last);
        let amendments = messages.range(beyond..).rev().filter(is_of);
        Ok(Page::within(limit, AMENDMENT_BYTES_MAX).filled(amendments).reversed())
    }

    async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<SearchResult, ReadError> {
        let state = self.state();
        Ok(state.rooms.get(room).map(|room| room.search(query, before, limit)).unwrap_or_default())
    }

    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError> {
        Ok(self.state().extent(room))
    }

    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let rooms = state.rooms.range((start, Bound::Unbounded)).take(limit);
        let mut looks = ScanBudget::new();
        Ok(rooms.map(|(name, room)| room.listed(name.clone(), &mut looks)).collect())
    }

    async fn position(&self) -> Result<LogPosition, ReadError> {
        Ok(self.state().position())
    }

    async fn changes_since(&self, after: LogPosition) -> Result<Changes, ReadError> {
        let state = self.state();
        let mut heads = BTreeMap::new();
        if after.0 < state.forgotten {
            // Some grew by what is gone already.
            let pruned = state.rooms.iter().filter(|(_, room)| Seq::ZERO < room.pruned);
            heads.extend(pruned.map(|(name, room)| (name.clone(), room.extent().head)));
        }
        let seen = usize::try_from(after.0.saturating_sub(state.forgotten)).unwrap_or(usize::MAX);
        heads.extend(state.places.iter().skip(seen).cloned());
        Ok(Changes { position: state.position(), heads: heads.into_iter().collect() })
    }

    fn is_writable(&self) -> bool {
        !self.state().closed
    }

    fn is_readable(&self) -> bool {
        true
    }

    async fn close(&self) {
        self.state().closed = true;
        self.commits().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{
        amendments,
        log::{self, Subject},
        retention::{self, Aging, HandClock},
        search::{self, Library},
    };

    async fn subject(commits: Commits) -> Subject {
        Subject::new(Arc::new(MemoryLog::new(Epoch::from_random(1), [7; 32], commits)), ())
    }

    log::tests!(subject);
    amendments::tests!(subject);
    fn library() -> Library {
        let log = MemoryLog::new(Epoch::from_random(1), [7; 32], tokio::sync::mpsc::channel(1).0);
        Library { subject: Subject::new(Arc::new(log), ()), take_in: Box::new(|| ()) }
    }

    search::tests!(library);

    fn aging(settings: config::Log) -> Aging {
        let clock = Arc::new(HandClock::new());
        let log = MemoryLog::new(Epoch::from_random(1), [7; 32], tokio::sync::mpsc::channel(1).0);
        let log = log.retaining(&settings, clock.clone());
        Aging::new(Arc::new(log), move |time| clock.set_after(time), ())
    }

    retention::tests!(aging);
}
