//! Tracks who is in the rooms of this node, and tells its sessions about changes on all nodes.
//!
//! No message waits for any of this. Sessions enter and leave at once and mark their room; one task notifies members,
//! one exchanges rosters with the other nodes, one receives their updates.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{
        model::{Author, NAMED_MAX, NodeId, NodeInstance, RoomName, Roster, UnixMs},
        ports::{Clock, NodeStatus, PresenceStore, PresenceUpdate, PresenceUpdateKind},
        presence::{
            members::Members,
            room_presence::{MemberList, RoomPresence},
            subscription::{PresenceEvent, PresenceSubscription},
        },
        publish::rate_limit::RateLimit,
        stats::Stats,
    },
    sync::lock,
};

/// How long a node counts as alive after it was last heard from. Together with the pauses of the sync task, of
/// [`notify_members`](PresenceTracker::notify_members) and of [`GRACE`](super::room_presence::GRACE), the members of a
/// killed node have left within 12 seconds.
pub const LEASE: Duration = Duration::from_secs(7);

/// How long changes are collected before members are notified.
const NOTIFY_PAUSE: Duration = Duration::from_millis(500);

/// Client requests that wait for the store at one time; further ones get what this node knows.
const FETCHES_MAX: usize = 16;

/// Typing notices that a room's members get per second; further ones are dropped.
pub(super) const TYPING_PER_SECOND: u32 = 5;

/// The members of this node's rooms, and what is known about those on other nodes.
pub struct PresenceTracker {
    pub(super) store: Arc<dyn PresenceStore>,
    clock: Arc<dyn Clock>,
    pub(super) stats: Arc<Stats>,
    node: NodeId,
    since: UnixMs,
    pub(super) state: Mutex<TrackerState>,
    /// There is something to publish or to fetch.
    pub(super) sync_due: Notify,
    fetches: Semaphore,
}

#[derive(Default)]
pub(super) struct TrackerState {
    /// Rooms with members here: bounded by the sessions' own limit of rooms.
    pub(super) rooms: HashMap<RoomName, TrackedRoom>,
    /// Rooms whose members may have to be notified.
    pub(super) to_notify: HashSet<RoomName>,
    /// Rooms whose roster may differ from the one in the store.
    pub(super) to_publish: HashSet<RoomName>,
    /// Until when each other node counts as alive.
    pub(super) alive_until: HashMap<NodeInstance, Instant>,
    /// The store answered the last request.
    pub(super) is_complete: bool,
}

pub(super) struct TrackedRoom {
    pub(super) members: Members,
    pub(super) presence: RoomPresence,
    /// The roster that the store has; `None` if that is not known.
    pub(super) published: Option<Roster>,
    /// The other nodes' rosters were fetched.
    pub(super) is_fetched: bool,
    typing: RateLimit,
}

impl TrackedRoom {
    fn list(&mut self) -> MemberList {
        self.presence.members(&self.members.roster())
    }
}

impl TrackerState {
    /// Takes the rosters of a room that were fetched at `fetched_at`.
    pub(super) fn take_fetched(
        &mut self,
        name: &RoomName,
        rosters: Vec<(NodeInstance, Roster)>,
        fetched_at: Instant,
    ) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        for (instance, _) in &rosters {
            self.alive_until.entry(*instance).or_insert(fetched_at + LEASE);
        }
        room.presence.replace(rosters, fetched_at);
        room.is_fetched = true;
        self.to_notify.insert(name.clone());
    }
}

/// Who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMembers {
    /// The members.
    pub list: MemberList,
    /// All nodes are included.
    pub complete: bool,
}

impl PresenceTracker {
    /// A tracker without members. The caller runs [`notify_members`](Self::notify_members),
    /// [`receive_updates`](Self::receive_updates) and [`sync::run`](super::sync::run).
    #[must_use]
    pub fn new(
        store: Arc<dyn PresenceStore>,
        clock: Arc<dyn Clock>,
        stats: Arc<Stats>,
        node: NodeId,
    ) -> Arc<Self> {
        let since = clock.now();
        let (state, sync_due, fetches) = (Mutex::default(), Notify::new(), Semaphore::new(FETCHES_MAX));
        Arc::new(Self { store, clock, stats, node, since, state, sync_due, fetches })
    }

    pub(super) fn now(&self) -> UnixMs {
        self.clock.now()
    }

    pub(super) fn enter(&self, name: &RoomName, subscription: &Arc<PresenceSubscription>) {
        let mut state = lock(&self.state);
        let room = state.rooms.entry(name.clone()).or_insert_with(|| TrackedRoom {
            members: Members::default(),
            presence: RoomPresence::default(),
            published: Some(Roster::default()),
            is_fetched: false,
            typing: RateLimit::new(TYPING_PER_SECOND, Instant::now()),
        });
        room.members.insert(subscription);
        self.mark(&mut state, name);
    }

    pub(super) fn leave(&self, name: &RoomName, subscription: &PresenceSubscription) {
        let mut state = lock(&self.state);
        if let Some(room) = state.rooms.get_mut(name) {
            room.members.remove(subscription);
            self.mark(&mut state, name);
        }
    }

    pub(super) fn rename(&self, rooms: &[RoomName], subscription: &PresenceSubscription) {
        let mut state = lock(&self.state);
        for name in rooms {
            if let Some(room) = state.rooms.get_mut(name) {
                room.members.rename(subscription);
                self.mark(&mut state, name);
            }
        }
    }

    fn mark(&self, state: &mut TrackerState, name: &RoomName) {
        state.to_notify.insert(name.clone());
        state.to_publish.insert(name.clone());
        self.sync_due.notify_one();
    }

    /// Tells the other members of a room, on all nodes, that a user of this node is typing.
    pub(super) fn publish_typing(&self, name: &RoomName, author: &Author) {
        if self.notify_typing(name, author) {
            self.store.publish_typing(name, author);
        }
    }

    /// Tells the members on this node, except the user's own sessions. In a large room, or beyond the rate limit, it
    /// tells nobody and returns false.
    fn notify_typing(&self, name: &RoomName, author: &Author) -> bool {
        let subscriptions: Vec<_> = {
            let mut state = lock(&self.state);
            let Some(room) = state.rooms.get_mut(name) else { return false };
            // In a large room someone always types, and each notice would go to everyone.
            let is_large = NAMED_MAX < room.members.count();
            if is_large || room.typing.take(Instant::now()).is_err() {
                return false;
            }
            let is_other = |other: &&Arc<PresenceSubscription>| other.person().author.id != author.id;
            room.members.subscriptions().filter(is_other).cloned().collect()
        };
        let sent = self.send(&subscriptions, PresenceEvent::Typing(name.clone(), author.clone()));
        self.stats.typing_sent.add(sent);
        true
    }

    /// Returns how many subscriptions had room for it.
    fn send(&self, subscriptions: &[Arc<PresenceSubscription>], event: PresenceEvent) -> u64 {
        let event = Arc::new(event);
        let taken = subscriptions.iter().filter(|subscription| subscription.push(event.clone())).count();
        self.stats.presence_dropped.add((subscriptions.len() - taken) as u64);
        taken as u64
    }

    /// Who is in a room, if this node can tell without asking the store.
    #[must_use]
    pub fn cached_members(&self, name: &RoomName) -> Option<RoomMembers> {
        let mut state = lock(&self.state);
        let complete = state.is_complete;
        let list = match state.rooms.get_mut(name).filter(|room| room.is_fetched || !complete) {
            Some(room) => room.list(),
            None if complete => return None,
            None => MemberList::default(),
        };
        Some(RoomMembers { list, complete })
    }

    /// Who is in a room; the store may be asked.
    pub async fn members(&self, name: &RoomName) -> RoomMembers {
        if let Some(cached) = self.cached_members(name) {
            return cached;
        }
        let Ok(_permit) = self.fetches.try_acquire() else { return self.known_members(name) };
        let fetched_at = Instant::now();
        let fetched = self.store.fetch(std::slice::from_ref(name)).await;
        let Ok(rosters) = fetched else { return self.known_members(name) };
        let rosters = rosters.into_iter().next().unwrap_or_default();
        let mut state = lock(&self.state);
        if state.rooms.contains_key(name) {
            state.take_fetched(name, rosters, fetched_at);
            let list = state.rooms.get_mut(name).map(TrackedRoom::list);
            return RoomMembers { list: list.unwrap_or_default(), complete: true };
        }
        // The room has no members here: nothing about it is kept.
        let mut presence = RoomPresence::default();
        presence.replace(rosters, fetched_at);
        RoomMembers { list: presence.members(&Roster::default()), complete: true }
    }

    /// Who is in a room as far as this node knows.
    #[must_use]
    pub fn known_members(&self, name: &RoomName) -> RoomMembers {
        let list = lock(&self.state).rooms.get_mut(name).map(TrackedRoom::list);
        RoomMembers { list: list.unwrap_or_default(), complete: false }
    }

    /// This node's own status.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let sessions = u64::try_from(self.stats.sessions.get()).unwrap_or(0);
        NodeStatus { id: self.node.clone(), sessions, since: self.since }
    }

    /// The nodes that are alive, this one first; only this one if the store cannot be asked.
    pub async fn nodes(&self) -> Vec<NodeStatus> {
        let mut nodes = vec![self.status()];
        let Ok(_permit) = self.fetches.try_acquire() else { return nodes };
        let others = self.store.nodes().await.unwrap_or_default();
        nodes.extend(others.into_iter().map(|(_, status)| status));
        nodes
    }

    /// Tells members what has changed in their rooms, until the node stops.
    pub async fn notify_members(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(NOTIFY_PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let mut rooms: Vec<_> = mem::take(&mut lock(&self.state).to_notify).into_iter().collect();
            // Sorted, so that a simulated schedule is the same each time.
            rooms.sort();
            rooms.iter().for_each(|name| self.notify_room(name));
        }
    }

    fn notify_room(&self, name: &RoomName) {
        let (subscriptions, change) = {
            let mut state = lock(&self.state);
            let Some(room) = state.rooms.get_mut(name).filter(|room| !room.members.is_empty()) else {
                return;
            };
            let (change, again) = room.presence.next_change(&room.members.roster(), Instant::now());
            let subscriptions: Vec<_> = match change {
                Some(_) => room.members.subscriptions().cloned().collect(),
                None => Vec::new(),
            };
            if again {
                state.to_notify.insert(name.clone());
            }
            (subscriptions, change)
        };
        if let Some(change) = change {
            let sent = self.send(&subscriptions, PresenceEvent::Members(name.clone(), change));
            self.stats.members_sent.add(sent);
        }
    }

    /// Takes updates of other nodes, until the node stops.
    pub async fn receive_updates(
        self: Arc<Self>,
        mut updates: mpsc::Receiver<PresenceUpdate>,
        stop: CancellationToken,
    ) {
        while let Some(Some(PresenceUpdate { instance, room, kind })) =
            stop.run_until_cancelled(updates.recv()).await
        {
            match kind {
                PresenceUpdateKind::Typing(author) => drop(self.notify_typing(&room, &author)),
                PresenceUpdateKind::Roster(roster) => self.take_update(instance, room, roster),
            }
        }
    }

    fn take_update(&self, instance: NodeInstance, name: RoomName, roster: Roster) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let Some(room) = state.rooms.get_mut(&name) else { return };
        room.presence.update(instance, roster, now);
        // A node that publishes is alive; the next sync tells whether the store agrees.
        state.alive_until.insert(instance, now + LEASE);
        state.to_notify.insert(name);
    }
}
