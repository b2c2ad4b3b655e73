//! Presence in Redis.
//!
//! Each node has a hash that expires with its lease: a field for each room's roster, and one for the node's status. Only
//! a renewal writes the status, so if it is missing, Redis has lost the rosters as well. Updates are also published on
//! the rooms' channels. All values are sealed like hints.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ::redis::{FromRedisValue, Pipeline};
use anyhow::Context as _;
use async_trait::async_trait;
use deadpool_redis::{Connection, Pool};
use tokio::{select, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{
        model::{Author, NodeInstance, RoomName, Roster},
        ports::{NodeStatus, PresenceError, PresenceStore, PresenceUpdateKind},
    },
    cluster::wire::Wire,
    telemetry::metrics,
};

/// Typing notices that wait for Redis. When it is full, the newest is dropped: it would arrive too late.
const TYPING_MAX: usize = 256;

/// The hash field of the node's status; no room has an empty name.
const STATUS: &str = "";

/// One node's access to the presence in Redis.
pub struct RedisPresence {
    pool: Pool,
    wire: Arc<Wire>,
    typing: mpsc::Sender<(RoomName, Author)>,
    /// The lease of the last renewal.
    lease_ms: AtomicU64,
}

impl RedisPresence {
    pub(super) fn new(pool: Pool, wire: Arc<Wire>, stop: CancellationToken) -> (Arc<Self>, TypingPublisher) {
        let (typing, queue) = mpsc::channel(TYPING_MAX);
        let publisher = TypingPublisher { pool: pool.clone(), wire: wire.clone(), queue, stop };
        (Arc::new(Self { pool, wire, typing, lease_ms: AtomicU64::new(0) }), publisher)
    }

    async fn query<T: FromRedisValue>(&self, pipeline: Pipeline) -> Result<T, PresenceError> {
        query(&self.pool, &pipeline).await.map_err(PresenceError)
    }

    /// The key of a node's hash.
    fn hash_key(&self, instance: NodeInstance) -> String {
        self.wire.presence_key(&format!("{:016x}", instance.0))
    }

    /// The key of the set of all nodes.
    fn nodes_key(&self) -> String {
        self.wire.presence_key("nodes")
    }

    /// The other nodes in the set, including those whose lease has expired.
    async fn registered(&self) -> Result<Vec<NodeInstance>, PresenceError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SMEMBERS").arg(self.nodes_key());
        let (members,): (Vec<String>,) = self.query(pipeline).await?;
        let parse = |member: &String| u64::from_str_radix(member, 16).ok().map(NodeInstance);
        let own = self.wire.instance();
        let mut instances: Vec<_> =
            members.iter().filter_map(parse).filter(|instance| *instance != own).collect();
        instances.sort_unstable();
        Ok(instances)
    }

    /// Decodes a node's roster of a room; an invalid frame is counted and ignored.
    fn roster(&self, instance: NodeInstance, room: &RoomName, frame: &[u8]) -> Option<Roster> {
        match self.wire.decode_presence(room, instance, frame) {
            Ok(PresenceUpdateKind::Roster(roster)) => Some(roster),
            Ok(PresenceUpdateKind::Typing(_)) => None,
            Err(error) => {
                metrics::presence_dropped(error.reason(), 1);
                None
            }
        }
    }
}

#[async_trait]
impl PresenceStore for RedisPresence {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        let instance = self.wire.instance();
        let key = self.hash_key(instance);
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        self.lease_ms.store(lease_ms, Ordering::Relaxed);
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        pipeline.cmd("HEXISTS").arg(&key).arg(STATUS);
        pipeline.cmd("HSET").arg(&key).arg(STATUS).arg(self.wire.encode_status(&key, status)).ignore();
        pipeline.cmd("PEXPIRE").arg(&key).arg(lease_ms).ignore();
        pipeline.cmd("SADD").arg(self.nodes_key()).arg(format!("{:016x}", instance.0)).ignore();
        let (had_lease,): (bool,) = self.query(pipeline).await?;
        Ok(had_lease)
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        let instances = self.registered().await?;
        if instances.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(instances.len());
        for instance in &instances {
            pipeline.cmd("HGET").arg(self.hash_key(*instance)).arg(STATUS);
        }
        let frames: Vec<Option<Vec<u8>>> = self.query(pipeline).await?;
        let mut removal = Pipeline::new();
        removal.cmd("SREM").arg(self.nodes_key());
        let mut nodes = Vec::new();
        let mut has_expired = false;
        for (instance, frame) in instances.into_iter().zip(frames) {
            match frame.map(|frame| self.wire.decode_status(&self.hash_key(instance), instance, &frame)) {
                Some(Ok(status)) => nodes.push((instance, status)),
                Some(Err(error)) => metrics::presence_dropped(error.reason(), 1),
                None => {
                    removal.arg(format!("{:016x}", instance.0));
                    has_expired = true;
                }
            }
        }
        if has_expired {
            // A node that is alive after all adds itself again with its next renewal.
            let _: () = self.query(removal).await?;
        }
        Ok(nodes)
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        let key = self.hash_key(self.wire.instance());
        let mut pipeline = Pipeline::with_capacity(2 * rosters.len());
        for (room, roster) in rosters {
            let frame = self.wire.encode_presence(room, &PresenceUpdateKind::Roster(roster.clone()));
            match roster.count() {
                0 => pipeline.cmd("HDEL").arg(&key).arg(room.as_str()).ignore(),
                _ => pipeline.cmd("HSET").arg(&key).arg(room.as_str()).arg(&frame).ignore(),
            };
            pipeline.cmd("PUBLISH").arg(self.wire.channel(room)).arg(&frame).ignore();
        }
        // If the hash has expired, HSET has just created one that would never expire.
        pipeline.cmd("PEXPIRE").arg(&key).arg(self.lease_ms.load(Ordering::Relaxed)).ignore();
        self.query(pipeline).await
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        let mut rosters = vec![Vec::new(); rooms.len()];
        let instances = self.registered().await?;
        if instances.is_empty() || rooms.is_empty() {
            return Ok(rosters);
        }
        let mut pipeline = Pipeline::with_capacity(instances.len());
        for instance in &instances {
            let names = rooms.iter().map(RoomName::as_str);
            pipeline.cmd("HMGET").arg(self.hash_key(*instance)).arg(names.collect::<Vec<_>>());
        }
        let frames: Vec<Vec<Option<Vec<u8>>>> = self.query(pipeline).await?;
        for (instance, frames) in instances.into_iter().zip(frames) {
            for ((of_room, room), frame) in rosters.iter_mut().zip(rooms).zip(&frames) {
                let roster = frame.as_ref().and_then(|frame| self.roster(instance, room, frame));
                of_room.extend(roster.map(|roster| (instance, roster)));
            }
        }
        Ok(rosters)
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        let instance = self.wire.instance();
        let mut pipeline = Pipeline::new();
        pipeline.cmd("DEL").arg(self.hash_key(instance)).ignore();
        pipeline.cmd("SREM").arg(self.nodes_key()).arg(format!("{:016x}", instance.0)).ignore();
        self.query(pipeline).await
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        if self.typing.try_send((room.clone(), author.clone())).is_err() {
            metrics::presence_dropped("queue_full", 1);
        }
    }
}

/// The task that publishes typing notices: all that wait in one pipeline, which succeeds or is dropped as a whole.
pub(super) struct TypingPublisher {
    pool: Pool,
    wire: Arc<Wire>,
    queue: mpsc::Receiver<(RoomName, Author)>,
    stop: CancellationToken,
}

impl TypingPublisher {
    pub(super) async fn run(mut self) {
        let mut notices = Vec::new();
        loop {
            let count = select! {
                () = self.stop.cancelled() => return,
                count = self.queue.recv_many(&mut notices, TYPING_MAX) => count,
            };
            if count == 0 {
                return;
            }
            let mut pipeline = Pipeline::with_capacity(count);
            for (room, author) in notices.drain(..) {
                let frame = self.wire.encode_presence(&room, &PresenceUpdateKind::Typing(author));
                pipeline.cmd("PUBLISH").arg(self.wire.channel(&room)).arg(frame).ignore();
            }
            if query::<()>(&self.pool, &pipeline).await.is_err() {
                metrics::presence_dropped("redis_down", count);
            }
        }
    }
}

/// Runs a pipeline on a connection of the pool; one that failed is not used again.
async fn query<T: FromRedisValue>(pool: &Pool, pipeline: &Pipeline) -> anyhow::Result<T> {
    let mut connection = pool.get().await.context("connecting")?;
    let response = pipeline.query_async(&mut connection).await;
    if response.is_err() {
        drop(Connection::take(connection));
    }
    Ok(response?)
}
