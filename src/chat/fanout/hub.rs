//! This node's ordered fan-out: takes commits and hints, and grows the rooms that have members here.
//!
//! Each room checks its own continuity. A hole is filled from the log by one task a room, and the sweep compares every
//! room with the log, so that a lost hint costs latency and nothing else.

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

use crate::{
    chat::{
        fanout::{
            room::Room,
            tail::TailLimit,
            tail_budget::{TailBudget, TrackedTail},
        },
        model::{LogPosition, Message, RoomName},
        ports::{Changes, ClusterBus, DeliveryObserver, Extent, Hint, MessageLog, ReadError},
        retry::RetryDelay,
        stats::Stats,
    },
    sync::lock,
};

/// How long a hole may close by itself before the log is read: hints of different nodes overtake each other by about
/// this much.
const REPAIR_GRACE: Duration = Duration::from_millis(20);
/// Messages that a repair reads at once.
const REPAIR_PAGE: usize = 256;

/// The rooms that have members on this node.
pub struct Hub {
    log: Arc<dyn MessageLog>,
    bus: Arc<dyn ClusterBus>,
    observer: Arc<dyn DeliveryObserver>,
    stats: Arc<Stats>,
    tail_budget: Arc<TailBudget>,
    /// Bounded by the sessions' own limit of rooms.
    rooms: Mutex<HashMap<RoomName, Arc<Room>>>,
    /// Requests a sweep now.
    sweep_now: Notify,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// What a hub is made of.
pub struct HubParts {
    /// The log that holes are filled from.
    pub log: Arc<dyn MessageLog>,
    /// The way to the other nodes.
    pub bus: Arc<dyn ClusterBus>,
    /// Who measures deliveries.
    pub observer: Arc<dyn DeliveryObserver>,
    /// The domain's counters.
    pub stats: Arc<Stats>,
    /// The limit of each room's tail.
    pub tail: TailLimit,
    /// Where repairs run.
    pub tracker: TaskTracker,
    /// Ends the sweep and the repairs.
    pub stop: CancellationToken,
}

/// A session's membership in a room of the hub. It ends when this is dropped; with the last one the hub drops the room.
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
        // Held throughout, so that nobody enters a room that is being removed.
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
    pub fn new(parts: HubParts) -> Arc<Self> {
        let HubParts { log, bus, observer, stats, tail, tracker, stop } = parts;
        let tail_budget = Arc::new(TailBudget::new(tail, stats.clone()));
        let (rooms, sweep_now) = (Mutex::default(), Notify::new());
        Arc::new(Self { log, bus, observer, stats, tail_budget, rooms, sweep_now, tracker, stop })
    }

    /// Who measures deliveries.
    #[must_use]
    pub fn observer(&self) -> &Arc<dyn DeliveryObserver> {
        &self.observer
    }

    /// Makes a session a member of a room, and returns the room's extent in the log.
    ///
    /// The room is entered before the log is read: whatever is committed meanwhile shows up in one or the other.
    /// If the log cannot be read, the session does not become a member.
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
            Entry::Vacant(entry) => {
                self.bus.subscribe(name);
                self.stats.rooms.add(1);
                let (tracker, stop) = (self.tracker.clone(), self.stop.clone());
                entry.insert(Arc::new(Room::new(name.clone(), self.tail_budget.tail(), tracker, stop)))
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
        for of_one_room in messages.chunk_by(|a, b| a.draft.room == b.draft.room) {
            let Some(room) = self.room(&of_one_room[0].draft.room) else { continue };
            if room.offer(of_one_room, &*self.observer) {
                self.repair(&room);
            }
        }
        self.enforce_tail_budget();
    }

    /// Clears the tails that grew longest ago until the budget has a reserve again.
    fn enforce_tail_budget(&self) {
        if !self.tail_budget.is_exceeded() {
            return;
        }
        let mut rooms: Vec<_> = lock(&self.rooms).values().cloned().collect();
        rooms.sort_by_cached_key(|room| room.with_tail(|tail| tail.grown()));
        for room in rooms {
            if self.tail_budget.has_reserve() {
                break;
            }
            room.with_tail(TrackedTail::clear);
        }
    }

    /// Takes what the log committed on this node and tells the other nodes, until the log closes.
    pub async fn take_commits(self: Arc<Self>, mut commits: mpsc::Receiver<Vec<Arc<Message>>>) {
        while let Some(messages) = commits.recv().await {
            self.bus.publish(&messages);
            self.offer(&messages);
        }
    }

    /// Takes hints of the other nodes until the node stops: a bus within this process never closes.
    pub async fn take_hints(self: Arc<Self>, mut hints: mpsc::Receiver<Hint>) {
        while let Some(Some(hint)) = self.stop.run_until_cancelled(hints.recv()).await {
            match hint {
                Hint::Messages(messages) => {
                    self.observer.hint_received(&messages);
                    self.offer(&messages);
                }
                Hint::Head(name, seq) => {
                    if let Some(room) = self.room(&name).filter(|room| room.learn(seq)) {
                        self.repair(&room);
                    }
                }
                // The sweep compares every room with the log, this one too.
                Hint::Gap(_) => self.sweep_now.notify_one(),
            }
        }
    }

    /// Asks the log at least every `interval` which rooms have grown since `position`, until the node stops.
    pub async fn sweep(self: Arc<Self>, mut position: LogPosition, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        loop {
            // Biased, so that a simulated schedule is the same each time.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
                () = self.sweep_now.notified() => {}
            }
            match self.log.changes_since(position).await {
                Ok(changes) => {
                    position = changes.position;
                    self.learn_by_sweep(changes);
                    is_failing = false;
                }
                Err(error) => {
                    if !is_failing {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "the sweep cannot read the log; it keeps trying");
                    }
                    is_failing = true;
                }
            }
        }
    }

    fn learn_by_sweep(self: &Arc<Self>, changes: Changes) {
        for (name, head) in changes.heads {
            if let Some(room) = self.room(&name).filter(|room| room.learn(head)) {
                self.stats.sweep_hits.add(1);
                self.repair(&room);
            }
        }
    }

    /// Fills a room's hole from the log, in one task at a time.
    fn repair(self: &Arc<Self>, room: &Arc<Room>) {
        if room.claims_repair() {
            let (hub, room) = (self.clone(), room.clone());
            let stop = self.stop.clone();
            self.tracker.spawn(async move { stop.run_until_cancelled(hub.fill(&room)).await });
        }
    }

    async fn fill(&self, room: &Arc<Room>) {
        let mut retry = RetryDelay::FIRST;
        tokio::time::sleep(REPAIR_GRACE).await;
        while let Some((after, known)) = room.hole() {
            // Messages that would leave the tail at once are left to the cursors, which read the log themselves.
            let tail_start = known.back(self.tail_budget.limit().messages as u64);
            let after = after.max(tail_start);
            room.skip_to(after);
            match self.log.read(room.name(), after, REPAIR_PAGE).await {
                Ok(messages) if messages.is_empty() => match self.log.extent(room.name()).await {
                    // All of it was pruned meanwhile: the cursors tell their clients.
                    Ok(extent) if after < extent.pruned => room.skip_to(extent.pruned),
                    Ok(_) => room.forget_missing(known),
                    Err(_) => retry = pause(retry).await,
                },
                Ok(messages) => {
                    // Where history was pruned, the first message lies further on.
                    room.skip_to(messages[0].seq.previous());
                    room.offer(&messages, &*self.observer);
                    self.enforce_tail_budget();
                    self.stats.gap_repairs.add(1);
                    retry = RetryDelay::FIRST;
                }
                Err(_) => retry = pause(retry).await,
            }
        }
    }
}

/// Waits, and returns the next delay.
async fn pause(retry: RetryDelay) -> RetryDelay {
    tokio::time::sleep(retry.pause()).await;
    retry.next()
}
