//! A log that lives and dies with its process: for `memory://` and for simulations.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::anyhow;
use async_trait::async_trait;

use super::{digest::Digest, page::Page};
use crate::chat::{
    ports::{AppendError, Appended, Commits, Extent, Growth, MessageLog, ReadError, Receipt, RoomExtent},
    types::{Draft, Epoch, Message, Nonce, Position, RoomName, Seq, UserId},
};

/// A log of one process. It keeps everything, as a disk would: it is for
/// trying out and for tests, not for months.
pub struct MemoryLog {
    epoch: Epoch,
    key: [u8; 32],
    /// Gone once the log is closed, so that whoever takes commits learns that no more come.
    commits: Mutex<Option<Commits>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    rooms: BTreeMap<RoomName, Vec<Arc<Message>>>,
    nonces: HashMap<(RoomName, UserId, Nonce), (Receipt, Digest)>,
    /// Every message's place, by its position less one.
    places: Vec<(RoomName, Seq)>,
}

impl MemoryLog {
    /// An empty log; what it stores is also sent to `commits`.
    #[must_use]
    pub fn new(epoch: Epoch, key: [u8; 32], commits: Commits) -> Self {
        Self { epoch, key, commits: Mutex::new(Some(commits)), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commits(&self) -> MutexGuard<'_, Option<Commits>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn room(&self, room: &RoomName) -> &[Arc<Message>] {
        self.rooms.get(room).map_or(&[], Vec::as_slice)
    }

    fn append(&mut self, draft: Draft, stored: &mut Vec<Arc<Message>>) -> Appended {
        let digest = Digest::of(&draft.kind, &draft.text);
        let scope = draft.nonce.clone().map(|nonce| (draft.room.clone(), draft.author.id.clone(), nonce));
        if let Some((receipt, earlier)) = scope.as_ref().and_then(|scope| self.nonces.get(scope)) {
            return if *earlier == digest { Appended::Known(*receipt) } else { Appended::Conflict };
        }

        let messages = self.rooms.entry(draft.room.clone()).or_default();
        let seq = head(messages).next();
        let receipt = Receipt { seq, at: draft.at };
        if let Some(scope) = scope {
            self.nonces.insert(scope, (receipt, digest));
        }
        self.places.push((draft.room.clone(), seq));
        let message = Arc::new(Message { seq, draft });
        messages.push(message.clone());
        stored.push(message);
        Appended::Stored(receipt)
    }
}

fn head(messages: &[Arc<Message>]) -> Seq {
    messages.last().map_or(Seq::ZERO, |message| message.seq)
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

    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError> {
        let state = self.state();
        let messages = state.room(room);
        let mut page = Page::new(limit);
        for message in &messages[messages.partition_point(|message| message.seq <= after)..] {
            if page.is_full() {
                break;
            }
            page.push(message.clone());
        }
        Ok(page.ascending())
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let state = self.state();
        let messages = state.room(room);
        let mut page = Page::new(limit);
        for message in messages[..messages.partition_point(|message| message.seq < before)].iter().rev() {
            if page.is_full() {
                break;
            }
            page.push(message.clone());
        }
        Ok(page.reversed())
    }

    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError> {
        Ok(Extent { pruned: Seq::ZERO, head: head(self.state().room(room)) })
    }

    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomExtent>, ReadError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let rooms = state.rooms.range((start, Bound::Unbounded)).take(limit);
        let extent = |messages: &[_]| Extent { pruned: Seq::ZERO, head: head(messages) };
        Ok(rooms
            .map(|(room, messages)| RoomExtent { room: room.clone(), extent: extent(messages) })
            .collect())
    }

    async fn position(&self) -> Result<Position, ReadError> {
        Ok(Position(self.state().places.len() as u64))
    }

    async fn growth(&self, after: Position) -> Result<Growth, ReadError> {
        let state = self.state();
        let seen = usize::try_from(after.0).unwrap_or(usize::MAX).min(state.places.len());
        let heads: BTreeMap<_, _> = state.places[seen..].iter().cloned().collect();
        Ok(Growth { position: Position(state.places.len() as u64), heads: heads.into_iter().collect() })
    }

    fn is_writable(&self) -> bool {
        !self.state().closed
    }

    async fn close(&self) {
        self.state().closed = true;
        self.commits().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{self, Subject};

    async fn subject(commits: Commits) -> Subject {
        Subject::new(Arc::new(MemoryLog::new(Epoch::from_random(1), [7; 32], commits)), ())
    }

    contract::tests!(subject);
}
