//! Hints on their way in: one connection that follows the wanted rooms.

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
            rooms::{Changes, Rooms},
        },
        wire::{Heard, Wire},
    },
    telemetry::metrics,
};

/// How many channels one command names.
const CHANNELS_MAX: usize = 512;

/// Where what is heard goes.
pub struct BusSenders {
    /// Hints: data is dropped when that is full, a [`Gap`] waits.
    ///
    /// [`Gap`]: crate::chat::ports::Hint::Gap
    pub hints: Hints,
    /// What is said of people.
    pub presence_updates: PresenceUpdates,
}

/// The task that keeps the subscriptions.
pub(super) struct Subscriber {
    pub(super) client: Client,
    /// Answers within `bus.timeout`, or the connection has failed.
    pub(super) connecting: AsyncConnectionConfig,
    pub(super) name: String,
    pub(super) wire: Arc<Wire>,
    pub(super) rooms: Arc<Rooms>,
    pub(super) senders: Arc<BusSenders>,
    pub(super) health: Arc<Health>,
    pub(super) timeout: Duration,
    pub(super) stop: CancellationToken,
}

impl Subscriber {
    /// Runs until it is stopped.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        loop {
            let began = Instant::now();
            let Err(cause) = select! {
                () = self.stop.cancelled() => return,
                ended = self.connect_and_follow() => ended,
            };
            self.rooms.disconnected();
            self.health.down(Half::Subscriber, &cause);
            select! {
                () = self.stop.cancelled() => return,
                () = sleep(backoff.pause(began.elapsed(), random())) => {}
            }
        }
    }

    async fn connect_and_follow(&self) -> anyhow::Result<Infallible> {
        let closed = Arc::new(Notify::new());
        let listener =
            Listener { wire: self.wire.clone(), senders: self.senders.clone(), closed: closed.clone() };
        let connecting = self.connecting.clone().set_push_sender(move |push| listener.take(push));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&connecting)
            .await
            .context("connecting")?;
        name_connection(&mut connection, &self.name).await;
        select! {
            () = closed.notified() => bail!("Redis closed the connection"),
            ended = self.keep_alive(connection.clone()) => ended,
            ended = self.follow(connection.clone()) => ended,
        }
    }

    /// Finds out within one and a half times `bus.timeout` that Redis is silent:
    /// its connections stay open when it is frozen or cut off.
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
                Some(changes) => self.tell(&mut connection, &changes).await?,
                None => {
                    self.health.up(Half::Subscriber);
                    self.rooms.changed().await;
                }
            }
        }
    }

    async fn tell(&self, connection: &mut MultiplexedConnection, changes: &Changes) -> anyhow::Result<()> {
        for rooms in changes.unwanted.chunks(CHANNELS_MAX) {
            connection.unsubscribe(self.channels(rooms)).await.context("unsubscribing")?;
        }
        for rooms in changes.wanted.chunks(CHANNELS_MAX) {
            connection.subscribe(self.channels(rooms)).await.context("subscribing")?;
            for room in rooms {
                // Waits for a full hub, unlike data: nothing else says that there was a gap.
                // The pings go on meanwhile. A hub that is gone has nothing to be told.
                let _ = self.senders.hints.send(Hint::Gap(room.clone())).await;
            }
        }
        Ok(())
    }

    fn channels(&self, rooms: &[RoomName]) -> Vec<String> {
        rooms.iter().map(|room| self.wire.channel(room)).collect()
    }
}

/// Takes what one connection hears, in the task that reads it.
///
/// There is no queue before the hub's: while this works, nothing is read, and
/// Redis's own limit on slow subscribers bounds what waits there.
struct Listener {
    wire: Arc<Wire>,
    senders: Arc<BusSenders>,
    closed: Arc<Notify>,
}

impl Listener {
    /// Never fails: that the type says otherwise is the client's demand.
    fn take(&self, push: PushInfo) -> Result<(), SendError> {
        match (push.kind, &push.data[..]) {
            (PushKind::Message, [Value::BulkString(channel), Value::BulkString(frame)]) => {
                self.hear(channel, frame);
            }
            (PushKind::Disconnection, _) => self.closed.notify_one(),
            _ => {}
        }
        Ok(())
    }

    fn hear(&self, channel: &[u8], frame: &[u8]) {
        match self.wire.decode(channel, frame) {
            Ok(Some(Heard::Hint(hint))) => self.pass_on(hint),
            Ok(Some(Heard::PresenceUpdate(whisper))) => self.whisper(whisper),
            Ok(None) => {}
            Err(error) => metrics::bus_dropped(error.reason(), 1),
        }
    }

    fn pass_on(&self, hint: Hint) {
        let count = if let Hint::Messages(messages) = &hint { messages.len() } else { 1 };
        match self.senders.hints.try_send(hint) {
            Ok(()) => metrics::bus_received(count),
            Err(_) => metrics::bus_dropped("hints_full", count),
        }
    }

    fn whisper(&self, whisper: PresenceUpdate) {
        if self.senders.presence_updates.try_send(whisper).is_err() {
            metrics::whispers_dropped("whispers_full", 1);
        }
    }
}
