//! A log in one SQLite file, which any number of processes on one machine share.
//!
//! In reading order: `database` finds or makes the file (`filesystem` and
//! `foreign` say which not, `schema` what is in it); `queue` brings runs to
//! the `writer`, which takes the `lock` between processes and gives messages
//! their `place`; `readers`, `search` and `growth` answer questions beside it; the
//! `janitor` tidies up by its `calendar` and fills the `index` of words, and `backup` copies the log
//! while all this goes on.

pub(super) mod file;

pub(super) mod write;

mod read;

mod maintenance;

mod health;
pub(super) mod rows;
mod worker;

pub use self::maintenance::backup::{Backup, backup};

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use async_trait::async_trait;
use rusqlite::Connection;
use tokio::task::spawn_blocking;

use crate::{
    chat::{
        model::{Draft, Epoch, LogPosition, Message, Nonce, RoomName, SearchQuery, Seq, UserId},
        ports::{
            AppendError, Appended, Changes, Clock, Commits, Extent, ListedRoom, MessageLog, ReadError,
            SearchResult, Space,
        },
    },
    config,
    store::sqlite::{
        file::database::Database,
        health::Health,
        maintenance::janitor::Janitor,
        read::{
            changes::ChangePoller,
            pool::{self, ReadPool},
            search::search,
        },
        worker::Worker,
        write::{queue::Queue, writer::Writer},
    },
    telemetry::{metrics, trace},
};

/// The log that `log.url` = `sqlite://…` names.
///
/// Dropping it ends its threads as [`close`](MessageLog::close) does, without waiting.
pub struct SqliteLog {
    database: Database,
    queue: Queue,
    health: Arc<Health>,
    readers: ReadPool,
    watcher: Arc<Mutex<ChangePoller>>,
    writer: Worker,
    janitor: Worker,
    /// Dropped to stop the janitor.
    janitor_runs: Mutex<Option<mpsc::Sender<()>>>,
    close_patience: Duration,
}

impl SqliteLog {
    /// Opens the log, and makes it if it is not there. What it stores is also
    /// sent to `commits`. It blocks, as long as another process makes the same log.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the place, the file or its contents; a file that
    /// is not a log this program knows is left untouched.
    pub fn open(
        settings: &config::Log,
        clock: Arc<dyn Clock>,
        commits: Commits,
    ) -> anyhow::Result<Arc<Self>> {
        let database = Database::prepare(settings)?;
        let health = Arc::new(Health::new());

        let (queue, runs) = Queue::new(settings.append_timeout);
        let writer = Writer {
            runs,
            connection: Some(database.writer()?),
            lock: database.lock()?,
            database: database.clone(),
            health: health.clone(),
            commits,
        };
        let janitor = Janitor::new(database.clone(), clock, settings)?;
        let (janitor_runs, stop) = mpsc::channel();

        Ok(Arc::new(Self {
            queue,
            health,
            readers: ReadPool::new(database.clone(), settings.readers),
            watcher: Arc::new(Mutex::new(ChangePoller::new(database.clone()))),
            writer: Worker::spawn("log-writer", move || writer.work()).context("no writer thread")?,
            janitor: Worker::spawn("log-janitor", move || janitor.work(&stop))
                .context("no janitor thread")?,
            janitor_runs: Mutex::new(Some(janitor_runs)),
            close_patience: settings.append_timeout * 2,
            database,
        }))
    }
}

/// Gives a log that was restored from a backup another epoch: the places that clients
/// remember may lie in what the backup lacks, and must not be taken for places in what is said from
/// now on. To be called while no node runs.
///
/// # Errors
///
/// What is wrong with the file.
pub fn renew_epoch(settings: &config::Log) -> anyhow::Result<Epoch> {
    Database::prepare(settings)?.renew_epoch()
}

#[async_trait]
impl MessageLog for SqliteLog {
    fn epoch(&self) -> Epoch {
        self.database.epoch()
    }

    fn key(&self) -> &[u8; 32] {
        self.database.key()
    }

    async fn append(&self, run: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let (started, sampled) = (Instant::now(), trace::sampled(&run));
        let answer = self.queue.append(run).await;
        let lasted = started.elapsed();
        metrics::append_seconds(lasted.as_secs_f64());
        sampled.into_iter().for_each(|message| trace::child(message, "append", lasted, &[]));
        answer
    }

    async fn contains_nonce(
        &self,
        room: &RoomName,
        author: &UserId,
        nonce: &Nonce,
    ) -> Result<bool, ReadError> {
        let (room, author, nonce) = (room.clone(), author.clone(), nonce.clone());
        self.readers.ask(move |connection| pool::contains_nonce(connection, &room, &author, &nonce)).await
    }

    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError> {
        let room = room.clone();
        self.readers.ask(move |connection| pool::read(connection, &room, after, limit)).await
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let room = room.clone();
        self.readers.ask(move |connection| pool::read_before(connection, &room, before, limit)).await
    }

    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let room = room.clone();
        self.readers.ask(move |connection| pool::amendments(connection, &room, first, last, limit)).await
    }

    async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<SearchResult, ReadError> {
        let (room, query) = (room.clone(), query.clone());
        let search = move |connection: &Connection| search(connection, &room, &query, before, limit);
        self.readers.ask_in_turn(search).await
    }

    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError> {
        let room = room.clone();
        self.readers.ask(move |connection| pool::extent(connection, &room)).await
    }

    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        let after = after.cloned();
        self.readers.ask(move |connection| pool::rooms(connection, after.as_ref(), limit)).await
    }

    async fn position(&self) -> Result<LogPosition, ReadError> {
        self.readers.ask(pool::position).await
    }

    async fn changes_since(&self, after: LogPosition) -> Result<Changes, ReadError> {
        let (watcher, health) = (self.watcher.clone(), self.health.clone());
        let look = spawn_blocking(move || {
            let mut watcher = crate::sync::lock(&watcher);
            health.while_looking(|| watcher.look(after))
        });
        look.await.context("the look at the log panicked").flatten().map_err(ReadError)
    }

    fn is_writable(&self) -> bool {
        self.health.is_writable() && self.queue.is_open() && self.writer.is_running()
    }

    fn is_readable(&self) -> bool {
        self.health.is_readable()
    }

    fn space(&self) -> Option<Space> {
        self.database.space()
    }

    /// Waits no longer than a commit may take: the lock may be held by a process
    /// that is frozen. Then the threads end with their process.
    async fn close(&self) {
        self.queue.close();
        crate::sync::lock(&self.janitor_runs).take();
        let ends = futures_util::join!(
            self.writer.ended(self.close_patience),
            self.janitor.ended(self.close_patience)
        );
        if ends != (true, true) {
            tracing::warn!("the message log did not come to an end; what was acked is stored");
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
