//! The bus over Redis: one channel a room, a publisher and a subscriber.
//!
//! The two halves share no connection, so that a flood of hints coming in does
//! not hold up those going out. Each reconnects by itself, for ever; the bus is
//! up while both are. Redis 6 or later is needed (RESP3).

use std::sync::Arc;

use ::redis::{AsyncConnectionConfig, Client};
use anyhow::Context as _;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    chat::{
        model::{Epoch, Message, NodeId, RoomName},
        ports::ClusterBus,
    },
    cluster::{
        redis::{
            connection::{connection_info, pool},
            health::{Half, Health},
            presence::RedisPresence,
            publisher::{self, Publisher},
            rooms::Rooms,
            subscriber::{BusSenders, Subscriber},
        },
        wire::Wire,
    },
    config,
    telemetry::metrics,
};

/// How many batches (one room's part of one commit) wait for the publisher.
/// Full: the newest is dropped, counted, and the sweep brings it.
const QUEUE_BATCHES_MAX: usize = 1_024;

/// Connections for presence: one for its own tasks, one for those who ask meanwhile.
const PRESENCE_CONNECTIONS: usize = 2;

/// What a bus over Redis is made of, beside its settings.
pub struct RedisParts<'p> {
    /// This node's name, for the names of its connections.
    pub node: NodeId,
    /// The log's identity, part of every channel's name.
    pub epoch: Epoch,
    /// The log's key, from which that of the frames is derived.
    pub log_key: &'p [u8; 32],
    /// Where received hints and presence updates go.
    pub senders: BusSenders,
    /// Where the tasks run.
    pub tracker: &'p TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
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
        parts: RedisParts<'_>,
    ) -> anyhow::Result<(Arc<Self>, Arc<RedisPresence>)> {
        let RedisParts { node, epoch, log_key, senders, tracker, stop } = parts;
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
            senders: Arc::new(senders),
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
        for batch in crate::cluster::by_room(messages) {
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
