//! The rooms that this node subscribes to, and the changes that Redis has not been told of.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::Notify;

use crate::{chat::model::RoomName, sync::lock, telemetry::metrics};

/// The wanted rooms: any caller changes them, and the subscriber follows.
///
/// The hub bounds their number by its sessions and their rooms. While there is no connection, changes take no memory.
#[derive(Default)]
pub(super) struct WantedRooms {
    state: Mutex<State>,
    notify: Notify,
}

#[derive(Default)]
struct State {
    wanted: HashSet<RoomName>,
    /// Rooms whose subscription the connection does not know yet; `None` without a connection.
    changed: Option<HashSet<RoomName>>,
}

/// Changes for a connection. Both are idempotent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) subscribe: Vec<RoomName>,
    pub(super) unsubscribe: Vec<RoomName>,
}

impl WantedRooms {
    pub(super) fn subscribe(&self, room: &RoomName) {
        let mut state = self.state();
        let has_changed = state.wanted.insert(room.clone());
        self.note(state, room, has_changed);
    }

    pub(super) fn unsubscribe(&self, room: &RoomName) {
        let mut state = self.state();
        let has_changed = state.wanted.remove(room);
        self.note(state, room, has_changed);
    }

    /// A new connection has no subscriptions.
    pub(super) fn connected(&self) {
        let mut state = self.state();
        state.changed = Some(state.wanted.clone());
    }

    pub(super) fn disconnected(&self) {
        self.state().changed = None;
    }

    /// Takes the changes, if there are any. A room that was unsubscribed and subscribed again is among them: the second
    /// subscription waits for its gap hint.
    pub(super) fn take_changes(&self) -> Option<Changes> {
        let mut state = self.state();
        let changed = mem::take(state.changed.as_mut()?);
        let (subscribe, unsubscribe) = changed.into_iter().partition(|room| state.wanted.contains(room));
        Some(Changes { subscribe, unsubscribe }).filter(|changes| *changes != Changes::default())
    }

    /// Waits for a change; it may return without one.
    pub(super) async fn changed(&self) {
        self.notify.notified().await;
    }

    fn note(&self, mut state: MutexGuard<'_, State>, room: &RoomName, has_changed: bool) {
        if !has_changed {
            return;
        }
        if let Some(changed) = &mut state.changed {
            changed.insert(room.clone());
        }
        metrics::bus_subscriptions(state.wanted.len());
        self.notify.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(rooms: &WantedRooms) -> String {
        let Some(mut changes) = rooms.take_changes() else { return "-".to_owned() };
        changes.subscribe.sort();
        changes.unsubscribe.sort();
        let mut words: Vec<_> = changes.subscribe.iter().map(|room| format!("+{room}")).collect();
        words.extend(changes.unsubscribe.iter().map(|room| format!("-{room}")));
        words.join(" ")
    }

    fn after(steps: &str) -> String {
        let rooms = WantedRooms::default();
        let mut seen = Vec::new();
        for step in steps.split_whitespace() {
            match step.split_at(1) {
                ("+", room) => rooms.subscribe(&room.parse().unwrap()),
                ("-", room) => rooms.unsubscribe(&room.parse().unwrap()),
                ("(", _) => rooms.connected(),
                (")", _) => rooms.disconnected(),
                _ => seen.push(changes(&rooms)),
            }
        }
        seen.join(", ")
    }

    #[test]
    fn a_connection_is_told_what_changed_since_it_was_told_last() {
        for (steps, expected) in [
            ("( ?", "-"),
            ("( +a +b ? ?", "+a +b, -"),
            ("( +a ? +a ?", "+a, -"),
            ("( +a ? -a ? -a ?", "+a, -a, -"),
            ("( +a -a ?", "-a"),
            ("( +a ? -a +a ?", "+a, +a"),
        ] {
            assert_eq!(after(steps), expected, "{steps}");
        }
    }

    #[test]
    fn each_new_connection_is_told_all() {
        for (steps, expected) in
            [("+a +b ? ( ?", "-, +a +b"), ("( +a ? ) +b -a ? ( ?", "+a, -, +b"), ("( +a -b ) ( ?", "+a")]
        {
            assert_eq!(after(steps), expected, "{steps}");
        }
    }

    #[test]
    fn what_changes_without_a_connection_takes_no_room() {
        let rooms = WantedRooms::default();
        for n in 0..100 {
            let room = format!("room-{n}").parse().unwrap();
            rooms.subscribe(&room);
            rooms.unsubscribe(&room);
        }
        let state = rooms.state();
        assert!(state.wanted.is_empty() && state.changed.is_none());
    }
}
