//! The log that all nodes share: the product's memory log, behind what disks and locks do to a log.

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
    dice::Dice,
    history::{Event, History},
    life::Life,
    tally::Effect,
    weather::Weather,
};

/// How long a log that cannot be written lets its callers wait at most.
const FAILS_AFTER_MS: u64 = 300;

/// What is on the disk: it outlives all nodes.
pub(crate) struct Disk {
    memory: MemoryLog,
    /// What `memory` stored last.
    stored: Mutex<mpsc::Receiver<Vec<Arc<Message>>>>,
    rooms: Vec<RoomName>,
    weather: Arc<Weather>,
    history: Arc<History>,
    dice: Mutex<Dice>,
}

impl Disk {
    pub(crate) fn new(
        rooms: Vec<RoomName>,
        weather: Arc<Weather>,
        history: Arc<History>,
        dice: Dice,
    ) -> Arc<Self> {
        let (to_stored, stored) = mpsc::channel(1);
        let memory = MemoryLog::new(Epoch::from_random(1), [7; 32], to_stored);
        Arc::new(Self { memory, stored: Mutex::new(stored), rooms, weather, history, dice: Mutex::new(dice) })
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was stored after `seq`, without any trouble: for the auditor.
    pub(crate) async fn audit(&self, room: usize, after: Seq) -> Vec<Arc<Message>> {
        self.memory.read(&self.rooms[room], after, usize::MAX).await.expect("memory can be read")
    }

    /// Stores a run, in one moment.
    async fn commit(
        &self,
        node: usize,
        run: Vec<Draft>,
    ) -> (Result<Vec<Appended>, AppendError>, Vec<Arc<Message>>) {
        let appended = self.memory.append(run).await;
        let stored =
            self.stored.lock().unwrap_or_else(PoisonError::into_inner).try_recv().unwrap_or_default();
        for message in &stored {
            let room =
                self.rooms.iter().position(|room| *room == message.draft.room).expect("a room of this world");
            self.history.note(Event::Committed { node, room, seq: message.seq.0 });
        }
        (appended, stored)
    }
}

/// One node's way to the log, for one life.
pub(crate) struct NodeLog {
    disk: Arc<Disk>,
    node: usize,
    life: Arc<Life>,
    commits: Mutex<Option<Commits>>,
    tracker: TaskTracker,
}

impl NodeLog {
    pub(crate) fn new(
        disk: Arc<Disk>,
        node: usize,
        life: Arc<Life>,
        commits: Commits,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let commits = Mutex::new(Some(commits));
        Arc::new(Self { disk, node, life, commits, tracker })
    }

    /// Whether the trouble is there and strikes this time.
    fn strikes(&self, what: Effect, percent: u64) -> bool {
        let strikes = self.disk.weather.rages(what, self.node) && self.disk.dice().percent(percent);
        if strikes {
            self.disk.history.struck(what, self.node);
        }
        strikes
    }

    async fn wait(&self, low: u64, high: u64) {
        let time = self.disk.dice().ms(low, high);
        if !time.is_zero() {
            sleep(time).await;
        }
    }

    async fn commit(&self, run: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let (appended, stored) = self.disk.commit(self.node, run).await;
        if !stored.is_empty() {
            let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(commits) = commits.as_ref() {
                let _ = commits.try_send(stored);
            }
            self.life.committed();
        }
        appended
    }

    /// Fails half way: the run is stored now, or later, or never, and the caller does not know.
    async fn fail_half_way(self: Arc<Self>, run: Vec<Draft>) -> AppendError {
        let fate = self.disk.dice().between(0, 2);
        match fate {
            0 => {
                let _ = self.commit(run).await;
                self.disk.history.struck(Effect::UnknownStored, self.node);
            }
            1 => {
                let (this, pause) = (self.clone(), self.disk.dice().ms(20, 3_000));
                self.tracker.spawn(async move {
                    let late = async {
                        sleep(pause).await;
                        let _ = this.commit(run).await;
                        this.disk.history.struck(Effect::UnknownStoredLater, this.node);
                    };
                    this.life.work(late).await;
                });
            }
            _ => {}
        }
        AppendError::Unknown(anyhow!("it failed half way"))
    }

    /// Reads at some moment between the question and its answer.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        let slow = self.disk.weather.rages(Effect::LogSlow, self.node);
        self.wait(0, if slow { 200 } else { 1 }).await;
        if self.strikes(Effect::LogUnreadable, 90) {
            return Err(ReadError(anyhow!("it cannot be read")));
        }
        let answer = question.await;
        self.wait(0, if slow { 200 } else { 2 }).await;
        answer
    }
}

/// A node's [`NodeLog`], as the domain holds it.
pub(crate) struct Handle(pub(crate) Arc<NodeLog>);

#[async_trait]
impl MessageLog for Handle {
    fn epoch(&self) -> Epoch {
        self.0.disk.memory.epoch()
    }

    fn key(&self) -> &[u8; 32] {
        self.0.disk.memory.key()
    }

    async fn append(&self, run: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let log = &self.0;
        if log.strikes(Effect::LogBusy, 80) {
            return Err(AppendError::Busy);
        }
        if log.strikes(Effect::LogSlow, 80) {
            log.wait(50, 1_500).await;
        }
        log.wait(1, 4).await;
        if log.strikes(Effect::LogFailing, 90) {
            log.wait(0, FAILS_AFTER_MS).await;
            return Err(AppendError::Unavailable(anyhow!("it cannot be written")));
        }
        if log.strikes(Effect::LogUnknown, 60) {
            return Err(log.clone().fail_half_way(run).await);
        }
        let appended = log.commit(run).await;
        log.life.owes_answer();
        log.wait(0, 3).await;
        log.life.answered();
        appended
    }

    async fn contains_nonce(
        &self,
        room: &RoomName,
        author: &UserId,
        nonce: &Nonce,
    ) -> Result<bool, ReadError> {
        self.0.ask(self.0.disk.memory.contains_nonce(room, author, nonce)).await
    }

    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError> {
        self.0.ask(self.0.disk.memory.read(room, after, limit)).await
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        self.0.ask(self.0.disk.memory.read_before(room, before, limit)).await
    }

    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        self.0.ask(self.0.disk.memory.amendments(room, first, last, limit)).await
    }

    async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<SearchResult, ReadError> {
        self.0.ask(self.0.disk.memory.search(room, query, before, limit)).await
    }

    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError> {
        self.0.ask(self.0.disk.memory.extent(room)).await
    }

    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        self.0.ask(self.0.disk.memory.rooms(after, limit)).await
    }

    async fn position(&self) -> Result<LogPosition, ReadError> {
        self.0.ask(self.0.disk.memory.position()).await
    }

    async fn changes_since(&self, after: LogPosition) -> Result<Changes, ReadError> {
        self.0.ask(self.0.disk.memory.changes_since(after)).await
    }

    fn is_writable(&self) -> bool {
        !self.0.disk.weather.rages(Effect::LogFailing, self.0.node)
    }

    fn is_readable(&self) -> bool {
        !self.0.disk.weather.rages(Effect::LogUnreadable, self.0.node)
    }

    async fn close(&self) {
        self.0.commits.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
