//! The expected members of each room, and what each client has been told about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chorus::chat::{
    model::{RoomName, UserId},
    presence::room_presence::{MemberList, PresenceChange},
};

/// Compares what clients are told about the members of their rooms with the truth.
#[derive(Default)]
pub(crate) struct PresenceOracle(Mutex<State>);

#[derive(Default)]
struct State {
    /// The users who stay to the end, by room.
    expected: BTreeMap<RoomName, BTreeSet<UserId>>,
    /// The members that each client was told of on its newest connection, and the count that came with them.
    told: BTreeMap<(usize, RoomName), (BTreeSet<UserId>, usize)>,
}

impl PresenceOracle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client will be in a room at the end, and must then know all members.
    pub(crate) fn expect(&self, client: usize, room: &RoomName, user: UserId) {
        let mut state = self.state();
        state.expected.entry(room.clone()).or_default().insert(user);
        state.told.insert((client, room.clone()), (BTreeSet::new(), 0));
    }

    /// A client got the member list of a room.
    pub(crate) fn listed(&self, client: usize, room: &RoomName, list: &MemberList) {
        let mut state = self.state();
        let Some(told) = state.told.get_mut(&(client, room.clone())) else { return };
        *told = (list.members.iter().map(|author| author.id.clone()).collect(), list.count);
    }

    /// A client was told who joined and left.
    pub(crate) fn changed(&self, client: usize, room: &RoomName, change: &PresenceChange) {
        let mut state = self.state();
        let Some((members, count)) = state.told.get_mut(&(client, room.clone())) else { return };
        members.extend(change.joined.iter().map(|author| author.id.clone()));
        members.retain(|user| !change.left.contains(user));
        *count = change.count;
    }

    /// A client lost its connection: on a new one it knows nobody.
    pub(crate) fn disconnected(&self, client: usize) {
        let mut state = self.state();
        let own = state.told.iter_mut().filter(|((owner, _), _)| *owner == client);
        own.for_each(|(_, told)| *told = (BTreeSet::new(), 0));
    }

    /// Describes each client whose knowledge differs from the truth.
    pub(crate) fn mismatches(&self) -> Vec<String> {
        let state = self.state();
        let wrong = state.told.iter().filter(|((_, room), (members, count))| {
            let expected = &state.expected[room];
            members != expected || *count != expected.len()
        });
        let describe = |((client, room), (members, _)): (&(usize, RoomName), &(BTreeSet<UserId>, usize))| {
            let expected = &state.expected[room];
            format!("client {client} knows {members:?} as the members of {room}, which are {expected:?}")
        };
        wrong.map(describe).collect()
    }
}
