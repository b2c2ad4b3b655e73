//! The log that all nodes share: the product's memory log, with the faults of disks and locks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use async_trait::async_trait;
use chorus::{
    chat::{
        model::{Draft, Epoch, LogPosition, Message, Nonce, RoomName, SearchQuery, Seq, UserId},
        ports::{
            AppendError, Appended, Changes, Commits, Extent, ListedRoom, MessageLog, ReadError, SearchResult,
        },
    },
    store::memory::MemoryLog,
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::task::TaskTracker;

use crate::{
    active_faults::ActiveFaults,
    effects::Effect,
    history::{Event, History},
    instance::Instance,
    rng::SeededRng,
};

/// How long an append to a log that cannot be written waits at most before it fails.
const FAILS_AFTER_MS: u64 = 300;

/// What is stored. It outlives all nodes.
pub(crate) struct Disk {
    memory: MemoryLog,
    /// What `memory` has just stored.
    stored: Mutex<mpsc::Receiver<Vec<Arc<Message>>>>,
    rooms: Vec<RoomName>,
    faults: Arc<ActiveFaults>,
    history: Arc<History>,
    rng: Mutex<SeededRng>,
}

impl Disk {
    pub(crate) fn new(
        rooms: Vec<RoomName>,
        faults: Arc<ActiveFaults>,
        history: Arc<History>,
        rng: SeededRng,
    ) -> Arc<Self> {
        let (to_stored, stored) = mpsc::channel(1);
        let memory = MemoryLog::new(Epoch::from_random(1), [7; 32], to_stored);
        Arc::new(Self { memory, stored: Mutex::new(stored), rooms, faults, history, rng: Mutex::new(rng) })
    }

    fn rng(&self) -> MutexGuard<'_, SeededRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what was stored after `after`, without faults: for the auditor.
    pub(crate) async fn audit(&self, room: usize, after: Seq) -> Vec<Arc<Message>> {
        self.memory.read(&self.rooms[room], after, usize::MAX).await.expect("memory can be read")
    }

    /// Stores a batch at one instant.
    async fn commit(
        &self,
        node: usize,
        batch: Vec<Draft>,
    ) -> (Result<Vec<Appended>, AppendError>, Vec<Arc<Message>>) {
        let appended = self.memory.append(batch).await;
        let stored =
            self.stored.lock().unwrap_or_else(PoisonError::into_inner).try_recv().unwrap_or_default();
        for message in &stored {
            let room = self
                .rooms
                .iter()
                .position(|room| *room == message.draft.room)
                .expect("a room of this simulation");
            self.history.record(Event::Committed { node, room, seq: message.seq.0 });
        }
        (appended, stored)
    }
}

/// One node instance's connection to the log.
pub(crate) struct NodeLog {
    disk: Arc<Disk>,
    node: usize,
    instance: Arc<Instance>,
    commits: Mutex<Option<Commits>>,
    tracker: TaskTracker,
}

impl NodeLog {
    pub(crate) fn new(
        disk: Arc<Disk>,
        node: usize,
        instance: Arc<Instance>,
        commits: Commits,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let commits = Mutex::new(Some(commits));
        Arc::new(Self { disk, node, instance, commits, tracker })
    }

    /// Whether a fault is active and applies to this call.
    fn applies(&self, effect: Effect, percent: u64) -> bool {
        let applies = self.disk.faults.is_active(effect, self.node) && self.disk.rng().percent(percent);
        if applies {
            self.disk.history.took_effect(effect, self.node);
        }
        applies
    }

    async fn wait(&self, low: u64, high: u64) {
        let time = self.disk.rng().ms(low, high);
        if !time.is_zero() {
            sleep(time).await;
        }
    }

    async fn commit(&self, batch: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let (appended, stored) = self.disk.commit(self.node, batch).await;
        if !stored.is_empty() {
            let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(commits) = commits.as_ref() {
                let _ = commits.try_send(stored);
            }
            self.instance.committed();
        }
        appended
    }

    /// Fails with an unknown outcome: the batch is stored now, later or never.
    async fn fail_as_unknown(self: Arc<Self>, batch: Vec<Draft>) -> AppendError {
        let outcome = self.disk.rng().between(0, 2);
        match outcome {
            0 => {
                let _ = self.commit(batch).await;
                self.disk.history.took_effect(Effect::UnknownStored, self.node);
            }
            1 => {
                let (this, pause) = (self.clone(), self.disk.rng().ms(20, 3_000));
                self.tracker.spawn(async move {
                    let late = async {
                        sleep(pause).await;
                        let _ = this.commit(batch).await;
                        this.disk.history.took_effect(Effect::UnknownStoredLater, this.node);
                    };
                    this.instance.run(late).await;
                });
            }
            _ => {}
        }
        AppendError::Unknown(anyhow!("it failed during the commit"))
    }

    /// Reads at some instant between the call and its return.
    async fn read<T>(&self, query: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        let slow = self.disk.faults.is_active(Effect::LogSlow, self.node);
        self.wait(0, if slow { 200 } else { 1 }).await;
        if self.applies(Effect::LogUnreadable, 90) {
            return Err(ReadError(anyhow!("it cannot be read")));
        }
        let result = query.await;
        self.wait(0, if slow { 200 } else { 2 }).await;
        result
    }
}

/// A [`NodeLog`] as the domain holds it.
pub(crate) struct LogHandle(pub(crate) Arc<NodeLog>);

#[async_trait]
impl MessageLog for LogHandle {
    fn epoch(&self) -> Epoch {
        self.0.disk.memory.epoch()
    }

    fn key(&self) -> &[u8; 32] {
        self.0.disk.memory.key()
    }

    async fn append(&self, batch: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let log = &self.0;
        if log.applies(Effect::LogBusy, 80) {
            return Err(AppendError::Busy);
        }
        if log.applies(Effect::LogSlow, 80) {
            log.wait(50, 1_500).await;
        }
        log.wait(1, 4).await;
        if log.applies(Effect::LogFailing, 90) {
            log.wait(0, FAILS_AFTER_MS).await;
            return Err(AppendError::Unavailable(anyhow!("it cannot be written")));
        }
        if log.applies(Effect::LogUnknown, 60) {
            return Err(log.clone().fail_as_unknown(batch).await);
        }
        let appended = log.commit(batch).await;
        log.instance.owes_ack();
        log.wait(0, 3).await;
        log.instance.acked();
        appended
    }

    async fn contains_nonce(
        &self,
        room: &RoomName,
        author: &UserId,
        nonce: &Nonce,
    ) -> Result<bool, ReadError> {
        self.0.read(self.0.disk.memory.contains_nonce(room, author, nonce)).await
    }

    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError> {
        self.0.read(self.0.disk.memory.read(room, after, limit)).await
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        self.0.read(self.0.disk.memory.read_before(room, before, limit)).await
    }

    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        self.0.read(self.0.disk.memory.amendments(room, first, last, limit)).await
    }

    async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<SearchResult, ReadError> {
        self.0.read(self.0.disk.memory.search(room, query, before, limit)).await
    }

    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError> {
        self.0.read(self.0.disk.memory.extent(room)).await
    }

    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        self.0.read(self.0.disk.memory.rooms(after, limit)).await
    }

    async fn position(&self) -> Result<LogPosition, ReadError> {
        self.0.read(self.0.disk.memory.position()).await
    }

    async fn changes_since(&self, after: LogPosition) -> Result<Changes, ReadError> {
        self.0.read(self.0.disk.memory.changes_since(after)).await
    }

    fn is_writable(&self) -> bool {
        !self.0.disk.faults.is_active(Effect::LogFailing, self.0.node)
    }

    fn is_readable(&self) -> bool {
        !self.0.disk.faults.is_active(Effect::LogUnreadable, self.0.node)
    }

    async fn close(&self) {
        self.0.commits.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
