//! The presence store that all nodes share: the product's memory store, with the faults of Redis.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use async_trait::async_trait;
use chorus::{
    chat::{
        model::{Author, NodeInstance, RoomName, Roster},
        ports::{NodeStatus, PresenceError, PresenceStore, PresenceUpdate, PresenceUpdates},
    },
    cluster::memory::presence::{MemoryPresence, MemoryPresenceCluster},
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::task::TaskTracker;

use crate::{active_faults::ActiveFaults, effects::Effect, history::History, rng::SeededRng};

/// Updates on their way to one node.
const UPDATES_MAX: usize = 64;

/// The store that all nodes share.
pub(crate) struct Registry {
    memory: MemoryPresenceCluster,
    faults: Arc<ActiveFaults>,
    history: Arc<History>,
    rng: Mutex<SeededRng>,
    tracker: TaskTracker,
}

impl Registry {
    pub(crate) fn new(
        faults: Arc<ActiveFaults>,
        history: Arc<History>,
        rng: SeededRng,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let (memory, rng) = (MemoryPresenceCluster::default(), Mutex::new(rng));
        Arc::new(Self { memory, faults, history, rng, tracker })
    }

    /// Connects a node instance; updates of the others go to `presence_updates`.
    pub(crate) fn join(self: &Arc<Self>, node: usize, presence_updates: PresenceUpdates) -> Arc<StoreHandle> {
        let (to_inner, inner) = mpsc::channel(UPDATES_MAX);
        let store = self.memory.join(to_inner);
        self.tracker.spawn(self.clone().forward(node, inner, presence_updates));
        Arc::new(StoreHandle { registry: self.clone(), node, store })
    }

    fn ms(&self, low: u64, high: u64) -> Duration {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).ms(low, high)
    }

    fn applies(&self, effect: Effect, node: usize, percent: u64) -> bool {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let applies = self.faults.is_active(effect, node) && rng.percent(percent);
        if applies {
            self.history.took_effect(effect, node);
        }
        applies
    }

    /// Forwards updates to a node, subject to the same faults as hints.
    async fn forward(
        self: Arc<Self>,
        node: usize,
        mut from: mpsc::Receiver<PresenceUpdate>,
        to: PresenceUpdates,
    ) {
        while let Some(update) = from.recv().await {
            if self.applies(Effect::BusDown, node, 100) || self.applies(Effect::HintLost, node, 60) {
                continue;
            }
            let late = self.applies(Effect::HintLate, node, 60);
            let (pause, to) = (self.ms(0, if late { 2_000 } else { 2 }), to.clone());
            self.tracker.spawn(async move {
                sleep(pause).await;
                let _ = to.try_send(update);
            });
        }
    }
}

/// One node instance's handle to the store.
pub(crate) struct StoreHandle {
    registry: Arc<Registry>,
    node: usize,
    store: MemoryPresence,
}

impl StoreHandle {
    /// Runs a request with a short delay before and after it; fails while the bus is down.
    async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, PresenceError>>,
    ) -> Result<T, PresenceError> {
        sleep(self.registry.ms(0, 3)).await;
        if self.registry.applies(Effect::BusDown, self.node, 100) {
            return Err(PresenceError(anyhow!("the store cannot be reached")));
        }
        let result = request.await;
        sleep(self.registry.ms(0, 3)).await;
        result
    }
}

#[async_trait]
impl PresenceStore for StoreHandle {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        self.call(self.store.renew(status, lease)).await
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        self.call(self.store.nodes()).await
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        self.call(self.store.publish(rosters)).await
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        self.call(self.store.fetch(rooms)).await
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        self.call(self.store.withdraw()).await
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        self.store.publish_typing(room, author);
    }
}
