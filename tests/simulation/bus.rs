//! The bus between the nodes, which loses, delays and repeats hints, and fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chorus::chat::{
    model::{Message, RoomName},
    ports::{ClusterBus, Hint, Hints},
};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::{
    active_faults::ActiveFaults, effects::Effect, history::History, instance::Instance, rng::SeededRng,
};

/// The network between the nodes.
pub(crate) struct Network {
    endpoints: Mutex<Vec<Endpoint>>,
    faults: Arc<ActiveFaults>,
    history: Arc<History>,
    rng: Mutex<SeededRng>,
    tracker: TaskTracker,
}

/// A node as the network sees it.
#[derive(Default)]
struct Endpoint {
    /// Counts the node's instances: this is the current one.
    generation: u64,
    hints: Option<Hints>,
    /// The rooms that it has subscribed to.
    wanted: BTreeSet<RoomName>,
    /// Those of them whose subscription is in effect.
    subscribed: BTreeSet<RoomName>,
}

impl Network {
    pub(crate) fn new(
        nodes: usize,
        faults: Arc<ActiveFaults>,
        history: Arc<History>,
        rng: SeededRng,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let endpoints = Mutex::new((0..nodes).map(|_| Endpoint::default()).collect());
        Arc::new(Self { endpoints, faults, history, rng: Mutex::new(rng), tracker })
    }

    /// Connects an instance of a node, which receives through `hints`.
    pub(crate) fn join(self: &Arc<Self>, node: usize, instance: Arc<Instance>, hints: Hints) -> Bus {
        let endpoint = &mut self.endpoints()[node];
        *endpoint =
            Endpoint { generation: endpoint.generation + 1, hints: Some(hints), ..Endpoint::default() };
        Bus { network: self.clone(), node, generation: endpoint.generation, instance }
    }

    fn endpoints(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rng(&self) -> MutexGuard<'_, SeededRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_up(&self, node: usize) -> bool {
        !self.faults.is_active(Effect::BusDown, node)
    }

    fn applies(&self, effect: Effect, node: usize, percent: u64) -> bool {
        let applies = self.faults.is_active(effect, node) && self.rng().percent(percent);
        if applies {
            self.history.took_effect(effect, node);
        }
        applies
    }

    /// Drops a node's subscriptions until [`reconnect`](Self::reconnect).
    pub(crate) fn disconnect(&self, node: usize) {
        self.endpoints()[node].subscribed.clear();
    }

    /// Renews a node's subscriptions.
    pub(crate) fn reconnect(self: &Arc<Self>, node: usize) {
        let (wanted, generation) = {
            let endpoint = &self.endpoints()[node];
            (endpoint.wanted.clone(), endpoint.generation)
        };
        wanted.into_iter().for_each(|room| self.subscribe(node, generation, room));
    }

    /// Subscribes after a while; the node must then compare the room with the log.
    fn subscribe(self: &Arc<Self>, node: usize, generation: u64, room: RoomName) {
        let (network, pause) = (self.clone(), self.rng().ms(0, 5));
        self.tracker.spawn(async move {
            sleep(pause).await;
            let mut endpoints = network.endpoints();
            let endpoint = &mut endpoints[node];
            if network.is_up(node) && endpoint.generation == generation && endpoint.wanted.contains(&room) {
                endpoint.subscribed.insert(room.clone());
                endpoint.deliver(Hint::Gap(room));
            }
        });
    }

    /// Sends a hint to a node, subject to the active faults.
    fn send(self: &Arc<Self>, to: usize, hint: Hint) {
        if !self.is_up(to) {
            return self.history.took_effect(Effect::BusDown, to);
        }
        if self.applies(Effect::HintLost, to, 60) {
            return;
        }
        if self.applies(Effect::HintRepeated, to, 60) {
            self.deliver_later(to, hint.clone(), 500);
        }
        let late = self.applies(Effect::HintLate, to, 60);
        self.deliver_later(to, hint, if late { 2_000 } else { 2 });
    }

    /// Delivers a hint after at most `ms_max` milliseconds, if its node is then still subscribed.
    fn deliver_later(self: &Arc<Self>, to: usize, hint: Hint, ms_max: u64) {
        let (network, generation) = (self.clone(), self.endpoints()[to].generation);
        let pause = self.rng().ms(0, ms_max);
        self.tracker.spawn(async move {
            sleep(pause).await;
            let endpoints = network.endpoints();
            let endpoint = &endpoints[to];
            let wants = hint_room(&hint).is_some_and(|room| endpoint.subscribed.contains(room));
            if wants && endpoint.generation == generation {
                endpoint.deliver(hint);
            }
        });
    }
}

impl Endpoint {
    fn deliver(&self, hint: Hint) {
        if let Some(hints) = &self.hints {
            // A full channel drops the hint, as the contract says.
            let _ = hints.try_send(hint);
        }
    }
}

fn hint_room(hint: &Hint) -> Option<&RoomName> {
    match hint {
        Hint::Messages(messages) => messages.first().map(|first| &first.draft.room),
        Hint::Head(room, _) | Hint::Gap(room) => Some(room),
    }
}

/// The bus of one node instance.
pub(crate) struct Bus {
    network: Arc<Network>,
    node: usize,
    generation: u64,
    instance: Arc<Instance>,
}

impl ClusterBus for Bus {
    fn publish(&self, messages: &[Arc<Message>]) {
        self.instance.published();
        if !self.is_up() {
            return self.network.history.took_effect(Effect::BusDown, self.node);
        }
        let mut rooms: BTreeMap<&RoomName, Vec<Arc<Message>>> = BTreeMap::new();
        for message in messages {
            rooms.entry(&message.draft.room).or_default().push(message.clone());
        }
        for (room, batch) in rooms {
            let endpoints = self.network.endpoints().len();
            for to in (0..endpoints).filter(|to| *to != self.node) {
                // Some batches are too large to be sent whole.
                let whole = !self.network.rng().percent(10);
                let last = batch.last().expect("a batch is not empty").seq;
                let hint = if whole { Hint::Messages(batch.clone()) } else { Hint::Head(room.clone(), last) };
                self.network.send(to, hint);
            }
        }
    }

    fn subscribe(&self, room: &RoomName) {
        self.network.endpoints()[self.node].wanted.insert(room.clone());
        self.network.subscribe(self.node, self.generation, room.clone());
    }

    fn unsubscribe(&self, room: &RoomName) {
        let endpoint = &mut self.network.endpoints()[self.node];
        // A killed instance may drop its rooms after the next one has started.
        if endpoint.generation == self.generation {
            endpoint.wanted.remove(room);
            endpoint.subscribed.remove(room);
        }
    }

    fn is_up(&self) -> bool {
        self.network.is_up(self.node)
    }
}
