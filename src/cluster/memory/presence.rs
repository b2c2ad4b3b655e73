//! The presence of nodes that share one process: a cluster of one, and tests.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{
    chat::{
        model::{Author, NodeInstance, RoomName, Roster},
        ports::{
            NodeStatus, PresenceError, PresenceStore, PresenceUpdate, PresenceUpdateKind, PresenceUpdates,
        },
    },
    sync::lock,
    telemetry::metrics,
};

/// What the nodes of one process tell each other of their people.
#[derive(Clone, Default)]
pub struct MemoryPresenceCluster(Arc<Mutex<BTreeMap<NodeInstance, Place>>>);

/// One node's part of it.
struct Place {
    presence_updates: PresenceUpdates,
    /// None without a lease; the rosters are as old as it.
    lease: Option<(NodeStatus, Instant)>,
    rosters: HashMap<RoomName, Roster>,
}

impl Place {
    fn status(&self) -> Option<&NodeStatus> {
        self.lease.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(status, _)| status)
    }
}

/// One node's way to it.
pub struct MemoryPresence {
    all: MemoryPresenceCluster,
    run: NodeInstance,
}

impl MemoryPresenceCluster {
    /// Takes in one more node, which hears what the others whisper.
    #[must_use]
    pub fn join(&self, presence_updates: PresenceUpdates) -> MemoryPresence {
        let mut places = self.places();
        let run = NodeInstance(places.len() as u64);
        places.insert(run, Place { presence_updates, lease: None, rosters: HashMap::new() });
        MemoryPresence { all: self.clone(), run }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<NodeInstance, Place>> {
        lock(&self.0)
    }
}

impl MemoryPresence {
    fn with_own<T>(&self, act: impl FnOnce(&mut Place) -> T) -> T {
        act(self.all.places().get_mut(&self.run).expect("a node that joined has a place"))
    }

    fn whisper(&self, room: &RoomName, said: &PresenceUpdateKind) {
        for (_, place) in self.all.places().iter().filter(|(run, _)| **run != self.run) {
            let whisper = PresenceUpdate { instance: self.run, room: room.clone(), kind: said.clone() };
            if place.presence_updates.try_send(whisper).is_err() {
                metrics::whispers_dropped("whispers_full", 1);
            }
        }
    }
}

#[async_trait]
impl PresenceStore for MemoryPresence {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        Ok(self.with_own(|place| {
            let had = place.status().is_some();
            if !had {
                place.rosters.clear();
            }
            place.lease = Some((status.clone(), Instant::now() + lease));
            had
        }))
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        let places = self.all.places();
        let others = places.iter().filter(|(run, _)| **run != self.run);
        Ok(others.filter_map(|(run, place)| Some((*run, place.status()?.clone()))).collect())
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        for (room, roster) in rosters {
            self.with_own(|place| place.rosters.insert(room.clone(), roster.clone()));
            self.whisper(room, &PresenceUpdateKind::Roster(roster.clone()));
        }
        self.with_own(|place| place.rosters.retain(|_, roster| 0 < roster.count()));
        Ok(())
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        let places = self.all.places();
        let others: Vec<_> =
            places.iter().filter(|(run, place)| **run != self.run && place.status().is_some()).collect();
        let answer = |room: &RoomName| {
            let told =
                others.iter().filter_map(|(run, place)| Some((**run, place.rosters.get(room)?.clone())));
            told.collect()
        };
        Ok(rooms.iter().map(answer).collect())
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        self.with_own(|place| {
            place.lease = None;
            place.rosters.clear();
        });
        Ok(())
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        self.whisper(room, &PresenceUpdateKind::Typing(author.clone()));
    }
}
