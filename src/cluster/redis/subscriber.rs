//! Receives hints and presence updates: one connection, subscribed to the wanted rooms.

use std::{convert::Infallible, sync::Arc, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, PushInfo, PushKind, Value,
    aio::{MultiplexedConnection, SendError},
};
use anyhow::{Context as _, bail};
use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{
        model::RoomName,
        ports::{Hint, Hints, PresenceUpdate, PresenceUpdates},
    },
    cluster::{
        redis::{
            backoff::Backoff,
            connection::{name_connection, random},
            health::{Half, Health},
            rooms::{Changes, WantedRooms},
        },
        wire::{Received, Wire},
    },
    telemetry::metrics,
};

/// Channels in one command.
const CHANNELS_MAX: usize = 512;

/// The channels for what the bus receives.
pub struct BusSenders {
    /// Hints. When it is full, they are dropped, except for a [`Hint::Gap`], which waits.
    pub hints: Hints,
    /// Presence updates. When it is full, they are dropped.
    pub presence_updates: PresenceUpdates,
}

/// The task that maintains the subscriptions.
pub(super) struct Subscriber {
    pub(super) client: Client,
    /// A connection that takes longer than `bus.timeout` to respond has failed.
    pub(super) config: AsyncConnectionConfig,
    pub(super) name: String,
    pub(super) wire: Arc<Wire>,
    pub(super) rooms: Arc<WantedRooms>,
    pub(super) senders: Arc<BusSenders>,
    pub(super) health: Arc<Health>,
    pub(super) timeout: Duration,
    pub(super) stop: CancellationToken,
}

impl Subscriber {
    /// Runs until the node stops.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        loop {
            let started = Instant::now();
            let Err(cause) = select! {
                () = self.stop.cancelled() => return,
                ended = self.connect_and_follow() => ended,
            };
            self.rooms.disconnected();
            self.health.down(Half::Subscriber, &cause);
            select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.pause(started.elapsed(), random())) => {}
            }
        }
    }

    async fn connect_and_follow(&self) -> anyhow::Result<Infallible> {
        let closed = Arc::new(Notify::new());
        let listener =
            Listener { wire: self.wire.clone(), senders: self.senders.clone(), closed: closed.clone() };
        let config = self.config.clone().set_push_sender(move |push| listener.receive(push));
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await.context("connecting")?;
        name_connection(&mut connection, &self.name).await;
        select! {
            () = closed.notified() => bail!("Redis closed the connection"),
            ended = self.keep_alive(connection.clone()) => ended,
            ended = self.follow(connection.clone()) => ended,
        }
    }

    /// Notices within one and a half times `bus.timeout` that Redis does not respond: while it is frozen or unreachable,
    /// its connections stay open.
    async fn keep_alive(&self, mut connection: MultiplexedConnection) -> anyhow::Result<Infallible> {
        loop {
            sleep(self.timeout / 2).await;
            ::redis::cmd("PING").exec_async(&mut connection).await.context("pinging")?;
        }
    }

    async fn follow(&self, mut connection: MultiplexedConnection) -> anyhow::Result<Infallible> {
        self.rooms.connected();
        loop {
            match self.rooms.take_changes() {
                Some(changes) => self.apply(&mut connection, &changes).await?,
                None => {
                    self.health.up(Half::Subscriber);
                    self.rooms.changed().await;
                }
            }
        }
    }

    async fn apply(&self, connection: &mut MultiplexedConnection, changes: &Changes) -> anyhow::Result<()> {
        for rooms in changes.unsubscribe.chunks(CHANNELS_MAX) {
            connection.unsubscribe(self.channels(rooms)).await.context("unsubscribing")?;
        }
        for rooms in changes.subscribe.chunks(CHANNELS_MAX) {
            connection.subscribe(self.channels(rooms)).await.context("subscribing")?;
            for room in rooms {
                // Unlike data, a gap waits while the hub's queue is full: nothing else tells of it. Pings go on
                // meanwhile. An error means that the hub has stopped.
                let _ = self.senders.hints.send(Hint::Gap(room.clone())).await;
            }
        }
        Ok(())
    }

    fn channels(&self, rooms: &[RoomName]) -> Vec<String> {
        rooms.iter().map(|room| self.wire.channel(room)).collect()
    }
}

/// Handles what a connection receives, in the task that reads it. There is no queue before the hub's: Redis's own limit
/// for slow subscribers bounds what waits to be read.
struct Listener {
    wire: Arc<Wire>,
    senders: Arc<BusSenders>,
    closed: Arc<Notify>,
}

impl Listener {
    /// Never fails; the Redis client requires the return type.
    fn receive(&self, push: PushInfo) -> Result<(), SendError> {
        match (push.kind, &push.data[..]) {
            (PushKind::Message, [Value::BulkString(channel), Value::BulkString(frame)]) => {
                self.dispatch(channel, frame);
            }
            (PushKind::Disconnection, _) => self.closed.notify_one(),
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&self, channel: &[u8], frame: &[u8]) {
        match self.wire.decode(channel, frame) {
            Ok(Some(Received::Hint(hint))) => self.send_hint(hint),
            Ok(Some(Received::PresenceUpdate(update))) => self.send_presence_update(update),
            Ok(None) => {}
            Err(error) => metrics::bus_dropped(error.reason(), 1),
        }
    }

    fn send_hint(&self, hint: Hint) {
        let count = if let Hint::Messages(messages) = &hint { messages.len() } else { 1 };
        match self.senders.hints.try_send(hint) {
            Ok(()) => metrics::bus_received(count),
            Err(_) => metrics::bus_dropped("hints_full", count),
        }
    }

    fn send_presence_update(&self, update: PresenceUpdate) {
        if self.senders.presence_updates.try_send(update).is_err() {
            metrics::presence_dropped("whispers_full", 1);
        }
    }
}
