//! Whom each client knows to be in its rooms, and who is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chorus::chat::{
    model::{RoomName, UserId},
    presence::room_presence::{MemberList, PresenceChange},
};

/// The people of a world.
#[derive(Default)]
pub(crate) struct Roll(Mutex<State>);

#[derive(Default)]
struct State {
    /// Who stays to the end, by room.
    there: BTreeMap<RoomName, BTreeSet<UserId>>,
    /// Whom each of them was told of, on its newest connection, and the count that came with it.
    told: BTreeMap<(usize, RoomName), (BTreeSet<UserId>, usize)>,
}

impl Roll {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client will be in a room at the end, and is to know who else is.
    pub(crate) fn expect(&self, client: usize, room: &RoomName, user: UserId) {
        let mut state = self.state();
        state.there.entry(room.clone()).or_default().insert(user);
        state.told.insert((client, room.clone()), (BTreeSet::new(), 0));
    }

    /// A client is told who is there.
    pub(crate) fn answer(&self, client: usize, room: &RoomName, people: &MemberList) {
        let mut state = self.state();
        let Some(told) = state.told.get_mut(&(client, room.clone())) else { return };
        *told = (people.members.iter().map(|author| author.id.clone()).collect(), people.count);
    }

    /// A client is told who came and left.
    pub(crate) fn tell(&self, client: usize, room: &RoomName, change: &PresenceChange) {
        let mut state = self.state();
        let Some((people, count)) = state.told.get_mut(&(client, room.clone())) else { return };
        people.extend(change.joined.iter().map(|author| author.id.clone()));
        people.retain(|user| !change.left.contains(user));
        *count = change.count;
    }

    /// On a new connection a client knows nobody.
    pub(crate) fn forget(&self, client: usize) {
        let mut state = self.state();
        let own = state.told.iter_mut().filter(|((of, _), _)| *of == client);
        own.for_each(|(_, told)| *told = (BTreeSet::new(), 0));
    }

    /// Who knows others than are there.
    pub(crate) fn mistaken(&self) -> Vec<String> {
        let state = self.state();
        let mistaken = state.told.iter().filter(|((_, room), (people, count))| {
            let there = &state.there[room];
            people != there || *count != there.len()
        });
        let say = |((client, room), (people, _)): (&(usize, RoomName), &(BTreeSet<UserId>, usize))| {
            format!("client {client} knows of {people:?} in {room}, where {:?} are", state.there[room])
        };
        mistaken.map(say).collect()
    }
}
