//! The message log of one process.

use std::{
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::anyhow;
use async_trait::async_trait;

use crate::{
    chat::{
        model::{Draft, Epoch, LogPosition, Message, Nonce, RoomName, SearchQuery, Seq, UserId},
        ports::{
            AppendError, Appended, Changes, Clock, Commits, Extent, ListedRoom, MessageLog, ReadError,
            SearchResult,
        },
    },
    config,
    store::{
        memory::state::{Room, State},
        page::{AMENDMENT_BYTES_MAX, Page},
        retention::Retention,
        scan_budget::ScanBudget,
    },
    sync::lock,
};

/// A log of one process, for trials and tests. It keeps everything unless it is given a retention.
pub struct MemoryLog {
    epoch: Epoch,
    key: [u8; 32],
    /// `None` once the log is closed, so that the channel ends.
    commits: Mutex<Option<Commits>>,
    retention: Option<(Retention, Arc<dyn Clock>)>,
    state: Mutex<State>,
}

impl MemoryLog {
    /// An empty log that sends what it stores to `commits`.
    #[must_use]
    pub fn new(epoch: Epoch, key: [u8; 32], commits: Commits) -> Self {
        Self { epoch, key, commits: Mutex::new(Some(commits)), retention: None, state: Mutex::default() }
    }

    /// Applies the retention of `settings` by `clock` at every call.
    #[must_use]
    pub fn with_retention(self, settings: &config::Log, clock: Arc<dyn Clock>) -> Self {
        Self { retention: Some((Retention::new(settings), clock)), ..self }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        if let Some((retention, clock)) = &self.retention {
            state.apply_retention(retention, clock.now());
        }
        state
    }

    fn commits(&self) -> MutexGuard<'_, Option<Commits>> {
        lock(&self.commits)
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

    async fn append(&self, batch: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let mut state = self.state();
        if state.is_closed {
            return Err(AppendError::Unavailable(anyhow!("the log is closed")));
        }
        let mut stored = Vec::new();
        let appended = batch.into_iter().map(|draft| state.append(draft, &mut stored)).collect();
        if let Some(commits) = self.commits().as_ref().filter(|_| !stored.is_empty()) {
            // Under the state's lock, so that the channel has the log's order. A full channel drops them.
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
        Ok(Page::new(limit).fill(messages.range(first..)).into_messages())
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
        Ok(Page::new(limit).fill(messages.range(..end).rev()).into_reversed())
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
        let start = messages.partition_point(|message| message.seq <= last);
        let is_in_page = |target: Seq| first <= target && target <= last;
        let amendments =
            messages.range(start..).rev().filter(|message| message.draft.target.is_some_and(is_in_page));
        Ok(Page::with_bytes_max(limit, AMENDMENT_BYTES_MAX).fill(amendments).into_reversed())
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
        let mut budget = ScanBudget::new();
        Ok(rooms.map(|(name, room)| room.list(name.clone(), &mut budget)).collect())
    }

    async fn position(&self) -> Result<LogPosition, ReadError> {
        Ok(self.state().position())
    }

    async fn changes_since(&self, position: LogPosition) -> Result<Changes, ReadError> {
        Ok(self.state().changes_since(position))
    }

    fn is_writable(&self) -> bool {
        !self.state().is_closed
    }

    fn is_readable(&self) -> bool {
        true
    }

    async fn close(&self) {
        self.state().is_closed = true;
        self.commits().take();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::store::contract::{
        amendments,
        log::{self, LogUnderTest},
        retention::{self, ExpiringLog, ManualClock},
        search::{self, SearchableLog},
    };

    fn memory_log(commits: Commits) -> MemoryLog {
        MemoryLog::new(Epoch::from_random(1), [7; 32], commits)
    }

    async fn log_under_test(commits: Commits) -> LogUnderTest {
        LogUnderTest::new(Arc::new(memory_log(commits)), ())
    }

    log::tests!(log_under_test);
    amendments::tests!(log_under_test);

    fn searchable_log() -> SearchableLog {
        SearchableLog::new(Arc::new(memory_log(mpsc::channel(1).0)), || (), ())
    }

    search::tests!(searchable_log);

    fn expiring_log(settings: config::Log) -> ExpiringLog {
        let clock = Arc::new(ManualClock::new());
        let log = memory_log(mpsc::channel(1).0).with_retention(&settings, clock.clone());
        ExpiringLog::new(Arc::new(log), move |time| clock.set_after(time), ())
    }

    retention::tests!(expiring_log);
}
