//! The bus over Redis: one channel a room, a publisher and a subscriber.
//!
//! The two halves share no connection, so that a flood of hints coming in does
//! not hold up those going out. Each reconnects by itself, for ever; the bus is
//! up while both are. Redis 6 or later is needed (RESP3).

use std::sync::Arc;

use ::redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use anyhow::{Context as _, ensure};
use deadpool_redis::{Manager, Pool};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    health::{Half, Health},
    presence::RedisPresence,
    publisher::Publisher,
    rooms::Rooms,
    subscriber::Subscriber,
};
use super::wire::Wire;
use crate::{
    chat::{
        ports::{ClusterBus, Hints, Whispers},
        types::{Epoch, Message, NodeId, RoomName},
    },
    config,
    telemetry::metrics,
};

pub mod presence;
mod publisher;
mod subscriber;

mod backoff;
mod health;
mod rooms;

/// How many batches (one room's part of one commit) wait for the publisher.
/// Full: the newest is dropped, counted, and the sweep brings it.
const QUEUE_BATCHES_MAX: usize = 1_024;

/// Connections for presence: one for its own tasks, one for those who ask meanwhile.
const PRESENCE_CONNECTIONS: usize = 2;

/// Where what is heard goes.
pub struct Ears {
    /// Hints: data is dropped when that is full, a [`Gap`] waits.
    ///
    /// [`Gap`]: crate::chat::ports::Hint::Gap
    pub hints: Hints,
    /// What is said of people.
    pub whispers: Whispers,
}

/// One node's end of the bus.
pub struct RedisBus {
    queue: mpsc::Sender<publisher::Batch>,
    rooms: Arc<Rooms>,
    health: Arc<Health>,
}

impl RedisBus {
    /// Starts both halves as tasks on `tracker`, which run until `stop`, and presence beside them. It does
    /// not wait for Redis: the bus is up once it has been reached.
    ///
    /// Frames are sealed with a key derived from `log_key`.
    ///
    /// # Errors
    ///
    /// Only if `settings.url` is missing or cannot be used, or if there is no randomness.
    pub fn start(
        settings: &config::Bus,
        node: &NodeId,
        epoch: Epoch,
        log_key: &[u8; 32],
        ears: Ears,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> anyhow::Result<(Arc<Self>, Arc<RedisPresence>)> {
        let info = connection_info(settings)?;
        let connecting = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.timeout))
            .set_response_timeout(Some(settings.timeout));
        let origin = getrandom::u64().context("there is no randomness to name the bus with")?;
        let wire = Arc::new(Wire::new(&settings.prefix, epoch, log_key, origin, settings.batch_max_bytes));
        let (queue, queued) = mpsc::channel(QUEUE_BATCHES_MAX);
        let bus = Arc::new(Self { queue, rooms: Arc::default(), health: Arc::default() });
        let publisher = Publisher {
            pool: pool(&info, &connecting, 1)?,
            name: format!("chorus:{node}:publisher"),
            wire: wire.clone(),
            queue: queued,
            health: bus.health.clone(),
            timeout: settings.timeout,
            stop: stop.clone(),
        };
        let presence_pool = pool(&info, &connecting, PRESENCE_CONNECTIONS)?;
        let (presence, typists) = RedisPresence::new(presence_pool, wire.clone(), stop.clone());
        let subscriber = Subscriber {
            client: Client::open(info)?,
            connecting,
            name: format!("chorus:{node}:subscriber"),
            wire,
            rooms: bus.rooms.clone(),
            ears: Arc::new(ears),
            health: bus.health.clone(),
            timeout: settings.timeout,
            stop,
        };
        // Also when Redis never answers.
        metrics::bus_up(false);
        tracker.spawn(publisher.run());
        tracker.spawn(subscriber.run());
        tracker.spawn(typists.run());
        Ok((bus, presence))
    }
}

impl ClusterBus for RedisBus {
    /// While Redis is known to be down it drops at once.
    fn publish(&self, messages: &[Arc<Message>]) {
        if !self.health.is_half_up(Half::Publisher) {
            return metrics::bus_dropped("redis_down", messages.len());
        }
        for batch in super::by_room(messages) {
            if let Err(TrySendError::Full(batch)) = self.queue.try_send(batch) {
                metrics::bus_dropped("queue_full", batch.len());
            }
        }
    }

    /// Takes effect soon, or once Redis is back; a [`Gap`] for the room tells when.
    ///
    /// [`Gap`]: crate::chat::ports::Hint::Gap
    fn subscribe(&self, room: &RoomName) {
        self.rooms.want(room);
    }

    /// Hints that are under way may still come.
    fn unsubscribe(&self, room: &RoomName) {
        self.rooms.unwant(room);
    }

    fn is_up(&self) -> bool {
        self.health.is_up()
    }
}

/// Where and how to connect. The URL may hold a password: no error quotes it.
fn connection_info(settings: &config::Bus) -> anyhow::Result<ConnectionInfo> {
    let url = settings.url.as_ref().context("bus.url is not set")?.expose();
    ensure!(!url.starts_with("rediss://"), "bus.url is rediss://, but this build has no TLS");
    let info = url.into_connection_info().context("bus.url cannot be used")?;
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Without it each exchange may wait for the peer's delayed acknowledgement.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
}

/// A pool of so many connections, each opened when it is needed first.
fn pool(info: &ConnectionInfo, connecting: &AsyncConnectionConfig, size: usize) -> anyhow::Result<Pool> {
    let manager = Manager::new_with_config(info.clone(), connecting.clone())?;
    Ok(Pool::builder(manager).max_size(size).build()?)
}

/// Names a connection for whoever looks at `CLIENT LIST`. Redis may not allow
/// it, which harms nothing; if the connection failed, its next use finds out.
async fn name_connection(connection: &mut MultiplexedConnection, name: &str) {
    let _ = ::redis::cmd("CLIENT").arg("SETNAME").arg(name).exec_async(connection).await;
}

/// Chance for a pause. Where there is none, pauses are longer, nothing else.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}
