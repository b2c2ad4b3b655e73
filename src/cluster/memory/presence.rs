//! The presence store of nodes in one process: a single node, and tests.

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

/// The presence of all nodes in one process.
#[derive(Clone, Default)]
pub struct MemoryPresenceCluster(Arc<Mutex<BTreeMap<NodeInstance, NodeEntry>>>);

struct NodeEntry {
    updates: PresenceUpdates,
    /// The last status and when it expires; `None` before the first renewal and after a withdrawal.
    lease: Option<(NodeStatus, Instant)>,
    rosters: HashMap<RoomName, Roster>,
}

impl NodeEntry {
    /// The status, unless its lease has expired.
    fn status(&self) -> Option<&NodeStatus> {
        let (status, until) = self.lease.as_ref()?;
        (Instant::now() < *until).then_some(status)
    }
}

/// One node's access to a [`MemoryPresenceCluster`].
pub struct MemoryPresence {
    cluster: MemoryPresenceCluster,
    instance: NodeInstance,
}

impl MemoryPresenceCluster {
    /// Adds a node, which receives through `updates` what the others publish.
    #[must_use]
    pub fn join(&self, updates: PresenceUpdates) -> MemoryPresence {
        let mut nodes = self.nodes();
        let instance = NodeInstance(nodes.len() as u64);
        nodes.insert(instance, NodeEntry { updates, lease: None, rosters: HashMap::new() });
        MemoryPresence { cluster: self.clone(), instance }
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<NodeInstance, NodeEntry>> {
        lock(&self.0)
    }
}

impl MemoryPresence {
    fn with_own_entry<T>(&self, f: impl FnOnce(&mut NodeEntry) -> T) -> T {
        f(self.cluster.nodes().get_mut(&self.instance).expect("a node that joined has an entry"))
    }

    fn send_to_others(&self, room: &RoomName, kind: &PresenceUpdateKind) {
        for (_, other) in self.cluster.nodes().iter().filter(|(instance, _)| **instance != self.instance) {
            let update = PresenceUpdate { instance: self.instance, room: room.clone(), kind: kind.clone() };
            if other.updates.try_send(update).is_err() {
                metrics::presence_dropped("whispers_full", 1);
            }
        }
    }
}

#[async_trait]
impl PresenceStore for MemoryPresence {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        Ok(self.with_own_entry(|entry| {
            let had_lease = entry.status().is_some();
            if !had_lease {
                entry.rosters.clear();
            }
            entry.lease = Some((status.clone(), Instant::now() + lease));
            had_lease
        }))
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        let nodes = self.cluster.nodes();
        let others = nodes.iter().filter(|(instance, _)| **instance != self.instance);
        Ok(others.filter_map(|(instance, entry)| Some((*instance, entry.status()?.clone()))).collect())
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        for (room, roster) in rosters {
            self.with_own_entry(|entry| entry.rosters.insert(room.clone(), roster.clone()));
            self.send_to_others(room, &PresenceUpdateKind::Roster(roster.clone()));
        }
        self.with_own_entry(|entry| entry.rosters.retain(|_, roster| 0 < roster.count()));
        Ok(())
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        let nodes = self.cluster.nodes();
        let others: Vec<_> = nodes
            .iter()
            .filter(|(instance, entry)| **instance != self.instance && entry.status().is_some())
            .collect();
        let rosters_of = |room: &RoomName| {
            let rosters = others
                .iter()
                .filter_map(|(instance, entry)| Some((**instance, entry.rosters.get(room)?.clone())));
            rosters.collect()
        };
        Ok(rooms.iter().map(rosters_of).collect())
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        self.with_own_entry(|entry| {
            entry.lease = None;
            entry.rosters.clear();
        });
        Ok(())
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        self.send_to_others(room, &PresenceUpdateKind::Typing(author.clone()));
    }
}
