//! The bus over Redis: one channel per room, a publisher and a subscriber.
//!
//! The two have a connection each, so that a flood of received hints does not delay those that are sent. Each reconnects
//! by itself until the node stops; the bus is up while both are. It needs Redis 6 or later (RESP3).

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
        batches::split_by_room,
        redis::{
            connection::{connection_info, pool},
            health::{Half, Health},
            presence::RedisPresence,
            publisher::{self, Publisher},
            rooms::WantedRooms,
            subscriber::{BusSenders, Subscriber},
        },
        wire::Wire,
    },
    config,
    telemetry::metrics,
};

/// Batches, each of one room and one commit, that wait for the publisher. When it is full, the newest is dropped and
/// counted, and the sweep finds it.
const QUEUE_BATCHES_MAX: usize = 1_024;

/// Connections for presence: one for the node's own tasks, one for clients' requests.
const PRESENCE_CONNECTIONS: usize = 2;

/// What a [`RedisBus`] needs beside its settings.
pub struct RedisParts<'p> {
    /// This node's name, which its connections show in `CLIENT LIST`.
    pub node: NodeId,
    /// The log's epoch, part of every channel's name.
    pub epoch: Epoch,
    /// The log's key, from which the key of the frames is derived.
    pub log_key: &'p [u8; 32],
    /// Where received hints and presence updates go.
    pub senders: BusSenders,
    /// Spawns the tasks.
    pub tracker: &'p TaskTracker,
    /// Ends the tasks.
    pub stop: CancellationToken,
}

/// One node's connection to the bus.
pub struct RedisBus {
    queue: mpsc::Sender<publisher::Batch>,
    rooms: Arc<WantedRooms>,
    health: Arc<Health>,
}

impl RedisBus {
    /// Starts the bus and the presence store. It does not wait for Redis: the bus is up once Redis answers.
    ///
    /// # Errors
    ///
    /// `settings.url` is missing or invalid, or the system has no random numbers.
    pub fn start(
        settings: &config::Bus,
        parts: RedisParts<'_>,
    ) -> anyhow::Result<(Arc<Self>, Arc<RedisPresence>)> {
        let RedisParts { node, epoch, log_key, senders, tracker, stop } = parts;
        let info = connection_info(settings)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.timeout))
            .set_response_timeout(Some(settings.timeout));
        let origin = getrandom::u64().context("the system has no random numbers")?;
        let wire = Arc::new(Wire::new(&settings.prefix, epoch, log_key, origin, settings.batch_max_bytes));
        let (queue, batches) = mpsc::channel(QUEUE_BATCHES_MAX);
        let bus = Arc::new(Self { queue, rooms: Arc::default(), health: Arc::default() });
        let publisher = Publisher {
            pool: pool(&info, &config, 1)?,
            name: format!("chorus:{node}:publisher"),
            wire: wire.clone(),
            queue: batches,
            health: bus.health.clone(),
            timeout: settings.timeout,
            stop: stop.clone(),
        };
        let presence_pool = pool(&info, &config, PRESENCE_CONNECTIONS)?;
        let (presence, typing_publisher) = RedisPresence::new(presence_pool, wire.clone(), stop.clone());
        let subscriber = Subscriber {
            client: Client::open(info)?,
            config,
            name: format!("chorus:{node}:subscriber"),
            wire,
            rooms: bus.rooms.clone(),
            senders: Arc::new(senders),
            health: bus.health.clone(),
            timeout: settings.timeout,
            stop,
        };
        // So that the metric exists even if Redis never answers.
        metrics::bus_up(false);
        tracker.spawn(publisher.run());
        tracker.spawn(subscriber.run());
        tracker.spawn(typing_publisher.run());
        Ok((bus, presence))
    }
}

impl ClusterBus for RedisBus {
    /// Drops the messages at once while Redis is known to be down.
    fn publish(&self, messages: &[Arc<Message>]) {
        if !self.health.is_half_up(Half::Publisher) {
            return metrics::bus_dropped("redis_down", messages.len());
        }
        for batch in split_by_room(messages) {
            if let Err(TrySendError::Full(batch)) = self.queue.try_send(batch) {
                metrics::bus_dropped("queue_full", batch.len());
            }
        }
    }

    /// Takes effect soon, or once Redis is back; a [`Hint::Gap`](crate::chat::ports::Hint::Gap) tells when.
    fn subscribe(&self, room: &RoomName) {
        self.rooms.subscribe(room);
    }

    /// Hints that are on their way may still arrive.
    fn unsubscribe(&self, room: &RoomName) {
        self.rooms.unsubscribe(room);
    }

    fn is_up(&self) -> bool {
        self.health.is_up()
    }
}
