//! Presence in Redis: a hash for each node, which lives as long as its lease, and whispers on the rooms' channels.
//!
//! A node's hash has a field for each room that people of it are in, and one for the node itself, which only a
//! renewal writes: where that is missing, Redis has lost the rest as well. All of it is sealed as hints are.

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

/// Who types waits for Redis in a queue of so many. Full: the newest is dropped; it would have come late anyway.
const TYPING_MAX: usize = 256;

/// The field for the node itself: no room is called so.
const STATUS: &str = "";

/// One node's way to what the nodes tell each other of their people.
pub struct RedisPresence {
    pool: Pool,
    wire: Arc<Wire>,
    typing: mpsc::Sender<(RoomName, Author)>,
    /// As it was taken last.
    lease_ms: AtomicU64,
}

impl RedisPresence {
    /// The presence, and its task that publishes who is typing.
    pub(super) fn new(pool: Pool, wire: Arc<Wire>, stop: CancellationToken) -> (Arc<Self>, Typists) {
        let (typing, queue) = mpsc::channel(TYPING_MAX);
        let typists = Typists { pool: pool.clone(), wire: wire.clone(), queue, stop };
        (Arc::new(Self { pool, wire, typing, lease_ms: AtomicU64::new(0) }), typists)
    }

    async fn query<T: FromRedisValue>(&self, pipeline: Pipeline) -> Result<T, PresenceError> {
        query(&self.pool, &pipeline).await.map_err(PresenceError)
    }

    /// Where a node's word is.
    fn key(&self, run: NodeInstance) -> String {
        self.wire.presence_key(&format!("{:016x}", run.0))
    }

    /// Where those are listed that may be alive.
    fn list(&self) -> String {
        self.wire.presence_key("nodes")
    }

    /// The other nodes that may be alive.
    async fn listed(&self) -> Result<Vec<NodeInstance>, PresenceError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("SMEMBERS").arg(self.list());
        let (members,): (Vec<String>,) = self.query(pipeline).await?;
        let run = |member: &String| u64::from_str_radix(member, 16).ok().map(NodeInstance);
        let own = self.wire.run();
        let mut runs: Vec<_> = members.iter().filter_map(run).filter(|run| *run != own).collect();
        runs.sort_unstable();
        Ok(runs)
    }

    /// What one node says of a room; what is not sealed by it says nothing.
    fn roster(
        &self,
        run: NodeInstance,
        room: &RoomName,
        frame: Option<&Vec<u8>>,
    ) -> Option<(NodeInstance, Roster)> {
        match self.wire.read_said(room, run, frame?) {
            Ok(PresenceUpdateKind::Roster(roster)) => Some((run, roster)),
            Ok(PresenceUpdateKind::Typing(_)) => None,
            Err(error) => {
                metrics::whispers_dropped(error.reason(), 1);
                None
            }
        }
    }
}

#[async_trait]
impl PresenceStore for RedisPresence {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        let (run, key) = (self.wire.run(), self.key(self.wire.run()));
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        self.lease_ms.store(lease_ms, Ordering::Relaxed);
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        pipeline.cmd("HEXISTS").arg(&key).arg(STATUS);
        pipeline.cmd("HSET").arg(&key).arg(STATUS).arg(self.wire.status(&key, status)).ignore();
        pipeline.cmd("PEXPIRE").arg(&key).arg(lease_ms).ignore();
        pipeline.cmd("SADD").arg(self.list()).arg(format!("{:016x}", run.0)).ignore();
        let (had,): (bool,) = self.query(pipeline).await?;
        Ok(had)
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        let runs = self.listed().await?;
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(runs.len());
        for run in &runs {
            pipeline.cmd("HGET").arg(self.key(*run)).arg(STATUS);
        }
        let frames: Vec<Option<Vec<u8>>> = self.query(pipeline).await?;
        let mut dead = Pipeline::new();
        dead.cmd("SREM").arg(self.list());
        let (mut nodes, mut buried) = (Vec::new(), false);
        for (run, frame) in runs.into_iter().zip(frames) {
            match frame.map(|frame| self.wire.read_status(&self.key(run), run, &frame)) {
                Some(Ok(status)) => nodes.push((run, status)),
                Some(Err(error)) => metrics::whispers_dropped(error.reason(), 1),
                None => {
                    dead.arg(format!("{:016x}", run.0));
                    buried = true;
                }
            }
        }
        if buried {
            // One that lives after all lists itself again.
            let _: () = self.query(dead).await?;
        }
        Ok(nodes)
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        let key = self.key(self.wire.run());
        let mut pipeline = Pipeline::with_capacity(2 * rosters.len());
        for (room, roster) in rosters {
            let frame = self.wire.whisper(room, &PresenceUpdateKind::Roster(roster.clone()));
            match roster.count() {
                0 => pipeline.cmd("HDEL").arg(&key).arg(room.as_str()).ignore(),
                _ => pipeline.cmd("HSET").arg(&key).arg(room.as_str()).arg(&frame).ignore(),
            };
            pipeline.cmd("PUBLISH").arg(self.wire.channel(room)).arg(&frame).ignore();
        }
        // If the lease was lost meanwhile, what is written here would stay for ever.
        pipeline.cmd("PEXPIRE").arg(&key).arg(self.lease_ms.load(Ordering::Relaxed)).ignore();
        self.query(pipeline).await
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        let mut answers = vec![Vec::new(); rooms.len()];
        let runs = self.listed().await?;
        if runs.is_empty() || rooms.is_empty() {
            return Ok(answers);
        }
        let mut pipeline = Pipeline::with_capacity(runs.len());
        for run in &runs {
            let names = rooms.iter().map(RoomName::as_str);
            pipeline.cmd("HMGET").arg(self.key(*run)).arg(names.collect::<Vec<_>>());
        }
        let frames: Vec<Vec<Option<Vec<u8>>>> = self.query(pipeline).await?;
        for (run, frames) in runs.into_iter().zip(frames) {
            for ((answer, room), frame) in answers.iter_mut().zip(rooms).zip(&frames) {
                answer.extend(self.roster(run, room, frame.as_ref()));
            }
        }
        Ok(answers)
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("DEL").arg(self.key(self.wire.run())).ignore();
        pipeline.cmd("SREM").arg(self.list()).arg(format!("{:016x}", self.wire.run().0)).ignore();
        self.query(pipeline).await
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        if self.typing.try_send((room.clone(), author.clone())).is_err() {
            metrics::whispers_dropped("queue_full", 1);
        }
    }
}

/// Publishes who is typing: all that waits at once, or none of it.
pub(super) struct Typists {
    pool: Pool,
    wire: Arc<Wire>,
    queue: mpsc::Receiver<(RoomName, Author)>,
    stop: CancellationToken,
}

impl Typists {
    /// Runs until it is stopped.
    pub(super) async fn run(mut self) {
        let mut typing = Vec::new();
        loop {
            let count = select! {
                () = self.stop.cancelled() => return,
                count = self.queue.recv_many(&mut typing, TYPING_MAX) => count,
            };
            if count == 0 {
                return;
            }
            let mut pipeline = Pipeline::with_capacity(count);
            for (room, author) in typing.drain(..) {
                let frame = self.wire.whisper(&room, &PresenceUpdateKind::Typing(author));
                pipeline.cmd("PUBLISH").arg(self.wire.channel(&room)).arg(frame).ignore();
            }
            if query::<()>(&self.pool, &pipeline).await.is_err() {
                metrics::whispers_dropped("redis_down", count);
            }
        }
    }
}

/// Asks on a connection of its own; one that failed is not used again.
async fn query<T: FromRedisValue>(pool: &Pool, pipeline: &Pipeline) -> anyhow::Result<T> {
    let mut connection = pool.get().await.context("connecting")?;
    let answer = pipeline.query_async(&mut connection).await;
    if answer.is_err() {
        drop(Connection::take(connection));
    }
    Ok(answer?)
}
