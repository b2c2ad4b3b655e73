//! Publishes hints: one task and one connection, with all waiting batches in one pipeline.

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
    telemetry::{metrics, trace::PublishTrace},
};

/// Messages of one room, in ascending order; not empty.
pub(super) type Batch = Vec<Arc<Message>>;

/// Batches in one pipeline, each of at most `bus.batch_max_bytes`; further ones wait for its responses.
const PIPELINE_BATCHES_MAX: usize = 128;

/// The task that sends the queue's batches to Redis.
pub(super) struct Publisher {
    /// A connection that takes longer than `bus.timeout` to respond has failed.
    pub(super) pool: Pool,
    pub(super) name: String,
    pub(super) wire: Arc<Wire>,
    pub(super) queue: mpsc::Receiver<Batch>,
    pub(super) health: Arc<Health>,
    pub(super) timeout: Duration,
    pub(super) stop: CancellationToken,
}

impl Publisher {
    /// Runs until the node stops; batches that wait then are still sent if Redis is up.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let started = Instant::now();
            let Err(cause) = self.connect_and_serve().await else { return };
            self.health.down(Half::Publisher, &cause);
            self.drop_waiting();
            select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.pause(started.elapsed(), random())) => {}
            }
        }
    }

    /// Returns `Ok` only when the node stops.
    async fn connect_and_serve(&mut self) -> anyhow::Result<()> {
        let mut connection = select! {
            () = self.stop.cancelled() => return Ok(()),
            connection = self.pool.get() => connection.context("connecting")?,
        };
        let served = self.serve(&mut connection).await;
        if served.is_err() {
            // It may still be open but silent; the pool must not reuse it.
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
        let mut trace = PublishTrace::begin();
        for batch in batches {
            let room = &batch[0].draft.room;
            let frame = self.wire.encode(room, &trace.fork(batch));
            pipeline.cmd("PUBLISH").arg(self.wire.channel(room)).arg(frame).ignore();
        }
        let count = batches.iter().map(Vec::len).sum();
        let sent = pipeline.exec_async(connection).await;
        trace.end();
        match sent {
            Ok(()) => metrics::bus_published(count),
            Err(_) => metrics::bus_dropped("redis_down", count),
        }
        sent
    }

    /// Drops the waiting batches: before the connection is back, the sweep will have found them.
    fn drop_waiting(&mut self) {
        while let Ok(batch) = self.queue.try_recv() {
            metrics::bus_dropped("redis_down", batch.len());
        }
    }
}

async fn ping(connection: &mut Connection) -> RedisResult<()> {
    ::redis::cmd("PING").exec_async(connection).await
}
