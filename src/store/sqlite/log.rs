//! The SQLite log: its queue, its threads and its read connections behind the port.

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
        read::{changes::ChangePoller, pool::ReadPool, queries, search::search},
        worker::Worker,
        write::{queue::AppendQueue, writer::Writer},
    },
    sync::lock,
    telemetry::{metrics, trace},
};

/// The log that `log.url` = `sqlite://…` names.
///
/// Dropping it stops its threads as [`close`](MessageLog::close) does, without waiting for them.
pub struct SqliteLog {
    database: Database,
    queue: AppendQueue,
    health: Arc<Health>,
    pub(super) read_pool: ReadPool,
    change_poller: Arc<Mutex<ChangePoller>>,
    writer: Worker,
    janitor: Worker,
    /// Dropped to stop the janitor.
    janitor_stop: Mutex<Option<mpsc::Sender<()>>>,
    close_timeout: Duration,
}

impl SqliteLog {
    /// Opens the log, or creates it if the file is absent or empty. It sends what it stores to `commits`.
    ///
    /// Blocks while another process creates or migrates the same log.
    ///
    /// # Errors
    ///
    /// The path, the file or its contents cannot be used. A file that is not a log of this program or an older one
    /// is left untouched.
    pub fn open(
        settings: &config::Log,
        clock: Arc<dyn Clock>,
        commits: Commits,
    ) -> anyhow::Result<Arc<Self>> {
        let database = Database::open_or_create(settings)?;
        let health = Arc::new(Health::new());

        let (queue, batches) = AppendQueue::new(settings.append_timeout);
        let writer = Writer {
            batches,
            connection: Some(database.writer()?),
            lock: database.writer_lock()?,
            database: database.clone(),
            health: health.clone(),
            commits,
        };
        let janitor = Janitor::new(database.clone(), clock, settings)?;
        let (janitor_stop, stop) = mpsc::channel();

        Ok(Arc::new(Self {
            queue,
            health,
            read_pool: ReadPool::new(database.clone(), settings.readers),
            change_poller: Arc::new(Mutex::new(ChangePoller::new(database.clone()))),
            writer: Worker::spawn("log-writer", move || writer.run())
                .context("cannot start the log's writer thread")?,
            janitor: Worker::spawn("log-janitor", move || janitor.run(&stop))
                .context("cannot start the log's janitor thread")?,
            janitor_stop: Mutex::new(Some(janitor_stop)),
            close_timeout: settings.append_timeout * 2,
            database,
        }))
    }
}

#[async_trait]
impl MessageLog for SqliteLog {
    fn epoch(&self) -> Epoch {
        self.database.epoch()
    }

    fn key(&self) -> &[u8; 32] {
        self.database.key()
    }

    async fn append(&self, batch: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let (started, sampled) = (Instant::now(), trace::sampled(&batch));
        let result = self.queue.append(batch).await;
        let elapsed = started.elapsed();
        metrics::append_seconds(elapsed.as_secs_f64());
        sampled.into_iter().for_each(|message| trace::child(message, "append", elapsed, &[]));
        result
    }

    async fn contains_nonce(
        &self,
        room: &RoomName,
        author: &UserId,
        nonce: &Nonce,
    ) -> Result<bool, ReadError> {
        let (room, author, nonce) = (room.clone(), author.clone(), nonce.clone());
        self.read_pool
            .run(move |connection| queries::contains_nonce(connection, &room, &author, &nonce))
            .await
    }

    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError> {
        let room = room.clone();
        self.read_pool.run(move |connection| queries::read(connection, &room, after, limit)).await
    }

    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let room = room.clone();
        self.read_pool.run(move |connection| queries::read_before(connection, &room, before, limit)).await
    }

    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError> {
        let room = room.clone();
        self.read_pool.run(move |connection| queries::amendments(connection, &room, first, last, limit)).await
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
        self.read_pool.run_costly(search).await
    }

    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError> {
        let room = room.clone();
        self.read_pool.run(move |connection| queries::extent(connection, &room)).await
    }

    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        let after = after.cloned();
        self.read_pool.run(move |connection| queries::rooms(connection, after.as_ref(), limit)).await
    }

    async fn position(&self) -> Result<LogPosition, ReadError> {
        self.read_pool.run(queries::position).await
    }

    async fn changes_since(&self, position: LogPosition) -> Result<Changes, ReadError> {
        let (poller, health) = (self.change_poller.clone(), self.health.clone());
        let poll = spawn_blocking(move || {
            let mut poller = lock(&poller);
            health.track_poll(|| poller.poll(position))
        });
        poll.await.context("the poll for changes panicked").flatten().map_err(ReadError)
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

    /// Waits no longer than an append may take: a frozen process may hold the lock. Threads that are still running
    /// then end with the process.
    async fn close(&self) {
        self.queue.close();
        lock(&self.janitor_stop).take();
        let ended =
            futures_util::join!(self.writer.join(self.close_timeout), self.janitor.join(self.close_timeout));
        if ended != (true, true) {
            tracing::warn!(
                "the message log's threads did not stop in time; everything that was acked is stored"
            );
        }
    }
}
