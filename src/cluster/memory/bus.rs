//! The bus of nodes in one process: a single node, and tests.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    chat::{
        model::{Message, RoomName},
        ports::{ClusterBus, Hint, Hints},
    },
    cluster::batches::split_by_room,
    sync::lock,
    telemetry::metrics,
};

/// One node's connection to a [`MemoryCluster`].
pub struct MemoryBus {
    cluster: MemoryCluster,
    index: usize,
}

/// A cluster of nodes in one process. Subscriptions take effect at once, so it never sends a [`Hint::Gap`].
#[derive(Clone, Default)]
pub struct MemoryCluster(Arc<Mutex<Vec<Member>>>);

struct Member {
    hints: Hints,
    rooms: HashSet<RoomName>,
}

impl MemoryCluster {
    /// Adds a node, which receives through `hints`.
    #[must_use]
    pub fn join(&self, hints: Hints) -> MemoryBus {
        let mut members = self.members();
        members.push(Member { hints, rooms: HashSet::new() });
        MemoryBus { cluster: self.clone(), index: members.len() - 1 }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        lock(&self.0)
    }
}

impl ClusterBus for MemoryBus {
    fn publish(&self, messages: &[Arc<Message>]) {
        let members = self.cluster.members();
        let others = members.iter().enumerate().filter(|(index, _)| *index != self.index);
        for batch in split_by_room(messages) {
            for (_, other) in others.clone().filter(|(_, other)| other.rooms.contains(&batch[0].draft.room)) {
                let count = batch.len();
                match other.hints.try_send(Hint::Messages(batch.clone())) {
                    Ok(()) => metrics::bus_received(count),
                    Err(_) => metrics::bus_dropped("hints_full", count),
                }
            }
        }
    }

    fn subscribe(&self, room: &RoomName) {
        self.cluster.members()[self.index].rooms.insert(room.clone());
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.cluster.members()[self.index].rooms.remove(room);
    }

    fn is_up(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::cluster::testing::message;

    #[test]
    fn a_node_hears_the_others_in_the_rooms_it_wants() {
        let cluster = MemoryCluster::default();
        let (to_ada, mut ada_hints) = mpsc::channel(8);
        let (to_bob, mut bob_hints) = mpsc::channel(8);
        let (ada, bob) = (cluster.join(to_ada), cluster.join(to_bob));
        let [red1, blue1, red2] = [message("red", 1), message("blue", 1), message("red", 2)];
        ada.subscribe(&red1.draft.room);
        bob.subscribe(&red1.draft.room);

        ada.publish(&[red1.clone(), blue1, red2.clone()]);
        assert_eq!(bob_hints.try_recv(), Ok(Hint::Messages(vec![red1.clone(), red2])));
        assert!(bob_hints.try_recv().is_err());
        assert!(ada_hints.try_recv().is_err());

        bob.unsubscribe(&red1.draft.room);
        ada.publish(&[red1]);
        assert!(bob_hints.try_recv().is_err());
    }

    #[test]
    fn a_full_hub_loses_hints_and_stops_nobody() {
        let cluster = MemoryCluster::default();
        let (to_bob, mut bob_hints) = mpsc::channel(1);
        let (ada, bob) = (MemoryCluster::join(&cluster, mpsc::channel(1).0), cluster.join(to_bob));
        bob.subscribe(&message("red", 1).draft.room);
        for seq in 1..=3 {
            ada.publish(&[message("red", seq)]);
        }
        assert_eq!(bob_hints.try_recv(), Ok(Hint::Messages(vec![message("red", 1)])));
        assert!(bob_hints.try_recv().is_err());
    }

    #[test]
    fn a_cluster_of_one_is_up_and_speaks_to_nobody() {
        let bus = MemoryCluster::default().join(mpsc::channel(1).0);
        bus.subscribe(&message("red", 1).draft.room);
        bus.publish(&[message("red", 1)]);
        assert!(bus.is_up());
    }
}
