//! Where nodes leave word of their people: the product's memory presence, behind what Redis does to it.

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

use crate::{dice::Dice, history::History, tally::Effect, weather::Weather};

/// Whispers under way to one node.
const WHISPERS_MAX: usize = 64;

/// What all nodes share.
pub(crate) struct Registry {
    memory: MemoryPresenceCluster,
    weather: Arc<Weather>,
    history: Arc<History>,
    dice: Mutex<Dice>,
    tracker: TaskTracker,
}

impl Registry {
    pub(crate) fn new(
        weather: Arc<Weather>,
        history: Arc<History>,
        dice: Dice,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let (memory, dice) = (MemoryPresenceCluster::default(), Mutex::new(dice));
        Arc::new(Self { memory, weather, history, dice, tracker })
    }

    /// A node's way to it for one life; what the others whisper comes to `presence_updates`.
    pub(crate) fn join(self: &Arc<Self>, node: usize, presence_updates: PresenceUpdates) -> Arc<Desk> {
        let (to_inner, inner) = mpsc::channel(WHISPERS_MAX);
        let store = self.memory.join(to_inner);
        self.tracker.spawn(self.clone().carry(node, inner, presence_updates));
        Arc::new(Desk { registry: self.clone(), node, store })
    }

    fn ms(&self, low: u64, high: u64) -> Duration {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).ms(low, high)
    }

    fn strikes(&self, what: Effect, node: usize, percent: u64) -> bool {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let strikes = self.weather.rages(what, node) && dice.percent(percent);
        if strikes {
            self.history.struck(what, node);
        }
        strikes
    }

    /// Carries whispers to a node: they travel as hints do.
    async fn carry(
        self: Arc<Self>,
        node: usize,
        mut from: mpsc::Receiver<PresenceUpdate>,
        to: PresenceUpdates,
    ) {
        while let Some(whisper) = from.recv().await {
            if self.strikes(Effect::BusDown, node, 100) || self.strikes(Effect::HintLost, node, 60) {
                continue;
            }
            let late = self.strikes(Effect::HintLate, node, 60);
            let (pause, to) = (self.ms(0, if late { 2_000 } else { 2 }), to.clone());
            self.tracker.spawn(async move {
                sleep(pause).await;
                let _ = to.try_send(whisper);
            });
        }
    }
}

/// One node's way to the registry, for one life.
pub(crate) struct Desk {
    registry: Arc<Registry>,
    node: usize,
    store: MemoryPresence,
}

impl Desk {
    /// Asks, and is answered a little later, unless the bus is down.
    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, PresenceError>>,
    ) -> Result<T, PresenceError> {
        sleep(self.registry.ms(0, 3)).await;
        if self.registry.strikes(Effect::BusDown, self.node, 100) {
            return Err(PresenceError(anyhow!("it cannot be reached")));
        }
        let answer = question.await;
        sleep(self.registry.ms(0, 3)).await;
        answer
    }
}

#[async_trait]
impl PresenceStore for Desk {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        self.ask(self.store.renew(status, lease)).await
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        self.ask(self.store.nodes()).await
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        self.ask(self.store.publish(rosters)).await
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        self.ask(self.store.fetch(rooms)).await
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        self.ask(self.store.withdraw()).await
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        self.store.publish_typing(room, author);
    }
}
