//! This node's ordered fan-out: commits and hints in, rooms that grow without holes out.
//!
//! The hub holds the rooms that have members here. Each room checks its own
//! continuity; a hole is read from the log by one task a room, and the sweep
//! tells every room how far the log has come, so that a lost hint is late and no more.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    cursor::TailLimit,
    ports::{ClusterBus, Extent, Hint, MessageLog, ReadError},
    retry::Retry,
    room::Room,
    stats::Stats,
    tails::Tails,
    types::{Message, Position, RoomName, Seq},
};
use crate::sync::lock;

/// How long a hole may close by itself before the log is asked: nodes' hints overtake each other by about this much.
const REPAIR_GRACE: Duration = Duration::from_millis(20);
/// Messages that a repair reads at once.
const REPAIR_PAGE: usize = 256;

/// The rooms that have members on this node.
pub struct Hub {
    log: Arc<dyn MessageLog>,
    bus: Arc<dyn ClusterBus>,
    stats: Arc<Stats>,
    tails: Arc<Tails>,
    /// Bounded by the sessions' own limit of rooms.
    rooms: Mutex<HashMap<RoomName, Arc<Room>>>,
    /// Asks for a sweep now.
    sweep: Notify,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// One session's place among those who see a room grow; it ends when this is dropped, and the
/// last one takes the room with it.
pub struct Membership {
    hub: Arc<Hub>,
    room: Arc<Room>,
    id: u64,
}

impl Membership {
    /// The room.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let name = self.room.name();
        // It stays locked, so that nobody enters a room that is being taken away.
        let mut rooms = lock(&self.hub.rooms);
        if self.room.leave(self.id) {
            rooms.remove(name);
            self.hub.bus.unsubscribe(name);
            self.hub.stats.rooms.add(-1);
        }
    }
}

impl Hub {
    /// A hub without rooms.
    #[must_use]
    pub fn new(
        log: Arc<dyn MessageLog>,
        bus: Arc<dyn ClusterBus>,
        stats: Arc<Stats>,
        tail: TailLimit,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (rooms, sweep) = (Mutex::default(), Notify::new());
        let tails = Arc::new(Tails::new(tail, stats.clone()));
        Arc::new(Self { log, bus, stats, tails, rooms, sweep, tracker, stop })
    }

    /// Makes a session a member of a room, and returns that with what the log holds of it now.
    ///
    /// The room is entered before the log is read: what is committed meanwhile
    /// is seen by the one or by the other.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read; the session is no member then.
    pub async fn enter(
        self: &Arc<Self>,
        name: &RoomName,
        wake: &Arc<Notify>,
    ) -> Result<(Membership, Extent), ReadError> {
        let membership = self.admit(name, wake);
        let extent = self.log.extent(name).await?;
        if membership.room.open(extent.head) {
            self.repair(&membership.room);
        }
        Ok((membership, extent))
    }

    fn admit(self: &Arc<Self>, name: &RoomName, wake: &Arc<Notify>) -> Membership {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let mut rooms = lock(&self.rooms);
        let room = match rooms.entry(name.clone()) {
            Entry::Occupied(room) => room.into_mut(),
            Entry::Vacant(place) => {
                self.bus.subscribe(name);
                self.stats.rooms.add(1);
                let (tracker, stop) = (self.tracker.clone(), self.stop.clone());
                place.insert(Arc::new(Room::new(name.clone(), self.tails.tail(), tracker, stop)))
            }
        };
        room.enter(id, wake.clone());
        Membership { hub: self.clone(), room: room.clone(), id }
    }

    fn room(&self, name: &RoomName) -> Option<Arc<Room>> {
        lock(&self.rooms).get(name).cloned()
    }

    /// Takes messages of any rooms that are in the log.
    fn offer(self: &Arc<Self>, messages: &[Arc<Message>]) {
        for run in messages.chunk_by(|a, b| a.draft.room == b.draft.room) {
            if let Some(room) = self.room(&run[0].draft.room).filter(|room| room.offer(run, &self.stats)) {
                self.repair(&room);
            }
        }
        self.bound_tails();
    }

    fn bound_tails(&self) {
        if self.tails.are_over() {
            let rooms = lock(&self.rooms).values().cloned().collect();
            self.tails.give_up_oldest(rooms);
        }
    }

    /// Takes what the log committed on this node, and tells the other nodes, until the log closes.
    pub async fn take_commits(self: Arc<Self>, mut commits: mpsc::Receiver<Vec<Arc<Message>>>) {
        while let Some(messages) = commits.recv().await {
            self.bus.publish(&messages);
            self.offer(&messages);
        }
    }

    /// Takes what the other nodes tell, until the node stops: a bus within this process never closes.
    pub async fn take_hints(self: Arc<Self>, mut hints: mpsc::Receiver<Hint>) {
        while let Some(Some(hint)) = self.stop.run_until_cancelled(hints.recv()).await {
            match hint {
                Hint::Messages(messages) => {
                    if let Some(witness) = &self.stats.witness {
                        witness.heard(&messages);
                    }
                    self.offer(&messages);
                }
                Hint::Head(name, seq) => {
                    if let Some(room) = self.room(&name).filter(|room| room.learn(seq)) {
                        self.repair(&room);
                    }
                }
                // The sweep compares every room with the log, this one too.
                Hint::Gap(_) => self.sweep.notify_one(),
            }
        }
    }

    /// Asks the log at most `interval` apart which rooms have grown, from `position` on, until the node stops.
    pub async fn sweep(self: Arc<Self>, mut position: Position, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            // In this order, so that a schedule is followed alike each time it is simulated.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
                () = self.sweep.notified() => {}
            }
            match self.log.growth(position).await {
                Ok(growth) => {
                    position = growth.position;
                    growth.heads.into_iter().for_each(|(name, head)| self.learn_by_sweep(&name, head));
                    failing = false;
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "sweep cannot read the log; trying on"
                    );
                }
                Err(_) => {}
            }
        }
    }

    fn learn_by_sweep(self: &Arc<Self>, name: &RoomName, head: Seq) {
        if let Some(room) = self.room(name).filter(|room| room.learn(head)) {
            self.stats.sweep_hits.add(1);
            self.repair(&room);
        }
    }

    /// Fills a room's hole from the log, by one task at a time.
    fn repair(self: &Arc<Self>, room: &Arc<Room>) {
        if room.claims_repair() {
            let (hub, room) = (self.clone(), room.clone());
            let stop = self.stop.clone();
            self.tracker.spawn(async move { stop.run_until_cancelled(hub.fill(&room)).await });
        }
    }

    async fn fill(&self, room: &Arc<Room>) {
        let mut retry = Retry::FIRST;
        tokio::time::sleep(REPAIR_GRACE).await;
        while let Some((after, known)) = room.hole() {
            // What would leave the tail at once is left to the cursors, which read the log themselves.
            let far = Seq(known.0.saturating_sub(self.tails.limit().messages as u64));
            let after = after.max(far);
            room.skip_to(after);
            match self.log.read(room.name(), after, REPAIR_PAGE).await {
                Ok(messages) if messages.is_empty() => match self.log.extent(room.name()).await {
                    // All of it was pruned meanwhile: the cursors say so to their clients.
                    Ok(extent) if after < extent.pruned => room.skip_to(extent.pruned),
                    Ok(_) => room.forget_missing(known),
                    Err(_) => retry = wait(retry).await,
                },
                Ok(messages) => {
                    // Where history was pruned, the first lies further on.
                    room.skip_to(Seq(messages[0].seq.0 - 1));
                    room.offer(&messages, &self.stats);
                    self.bound_tails();
                    self.stats.gap_repairs.add(1);
                    retry = Retry::FIRST;
                }
                Err(_) => retry = wait(retry).await,
            }
        }
    }
}

/// Waits so long, and says how long to wait the next time.
async fn wait(retry: Retry) -> Retry {
    tokio::time::sleep(retry.pause()).await;
    retry.next()
}
