//! Hints on their way out: one task, one connection, all that waits at once.

use std::{sync::Arc, time::Duration};

use ::redis::{Pipeline, RedisResult};
use anyhow::Context as _;
use deadpool_redis::{Connection, Pool};
use tokio::{
    select,
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::model::Message,
    cluster::{
        redis::{
            backoff::Backoff,
            connection::{name_connection, random},
            health::{Half, Health},
        },
        wire::Wire,
    },
    telemetry::{metrics, trace::Publish},
};

/// Messages of one room, ascending, not empty.
pub(super) type Batch = Vec<Arc<Message>>;

/// How many batches go out in one pipeline, each at most `bus.batch_max_bytes`;
/// more wait for its answers.
const PIPELINE_BATCHES_MAX: usize = 128;

/// The task that empties the queue into Redis.
pub(super) struct Publisher {
    /// Answers within `bus.timeout`, or the connection has failed.
    pub(super) pool: Pool,
    pub(super) name: String,
    pub(super) wire: Arc<Wire>,
    pub(super) queue: mpsc::Receiver<Batch>,
    pub(super) health: Arc<Health>,
    pub(super) timeout: Duration,
    pub(super) stop: CancellationToken,
}

impl Publisher {
    /// Runs until it is stopped; what waits then is still sent, if Redis is up.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let began = Instant::now();
            let Err(cause) = self.connect_and_serve().await else { return };
            self.health.down(Half::Publisher, &cause);
            self.drop_waiting();
            select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.pause(began.elapsed(), random())) => {}
            }
        }
    }

    /// Ends well when it is stopped.
    async fn connect_and_serve(&mut self) -> anyhow::Result<()> {
        let mut connection = select! {
            () = self.stop.cancelled() => return Ok(()),
            connection = self.pool.get() => connection.context("connecting")?,
        };
        let served = self.serve(&mut connection).await;
        if served.is_err() {
            // Closed, or open and silent: the pool must not offer it again.
            drop(Connection::take(connection));
        }
        served
    }

    async fn serve(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        name_connection(connection, &self.name).await;
        ping(connection).await.context("the first ping")?;
        self.health.up(Half::Publisher);
        let mut batches = Vec::with_capacity(PIPELINE_BATCHES_MAX);
        loop {
            select! {
                biased;
                () = self.stop.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                count = self.queue.recv_many(&mut batches, PIPELINE_BATCHES_MAX) => match count {
                    0 => return Ok(()),
                    _ => self.send(connection, &batches).await.context("publishing")?,
                },
                () = sleep(self.timeout / 2) => ping(connection).await.context("pinging")?,
            }
            batches.clear();
        }
    }

    async fn send(&self, connection: &mut Connection, batches: &[Batch]) -> RedisResult<()> {
        let mut pipeline = Pipeline::with_capacity(batches.len());
        let mut publish = Publish::begin();
        for batch in batches {
            let room = &batch[0].draft.room;
            let frame = self.wire.encode(room, &publish.carry(batch));
            pipeline.cmd("PUBLISH").arg(self.wire.channel(room)).arg(frame).ignore();
        }
        let count = batches.iter().map(Vec::len).sum();
        let sent = pipeline.exec_async(connection).await;
        publish.end();
        match sent {
            Ok(()) => metrics::bus_published(count),
            Err(_) => metrics::bus_dropped("redis_down", count),
        }
        sent
    }

    /// What waited for a connection that is gone would only come late: by then
    /// the sweep has brought it.
    fn drop_waiting(&mut self) {
        while let Ok(batch) = self.queue.try_recv() {
            metrics::bus_dropped("redis_down", batch.len());
        }
    }
}

async fn ping(connection: &mut Connection) -> RedisResult<()> {
    ::redis::cmd("PING").exec_async(connection).await
}
