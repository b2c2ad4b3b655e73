//! The rooms that this node wants to hear of, and what Redis is yet to be told.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::Notify;

use crate::{chat::model::RoomName, sync::lock, telemetry::metrics};

/// The wanted rooms, changed by any caller and followed by one task.
///
/// As many as the caller wants: the hub bounds them by its sessions and their
/// rooms. What changes while there is no connection takes no room of its own.
#[derive(Default)]
pub(super) struct Rooms {
    state: Mutex<State>,
    nudge: Notify,
}

#[derive(Default)]
struct State {
    wanted: HashSet<RoomName>,
    /// What the connection is yet to be told; `None` without a connection.
    changed: Option<HashSet<RoomName>>,
}

/// What a connection is to be told. Both are safe to repeat.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) wanted: Vec<RoomName>,
    pub(super) unwanted: Vec<RoomName>,
}

impl Rooms {
    pub(super) fn want(&self, room: &RoomName) {
        let mut state = self.state();
        let new = state.wanted.insert(room.clone());
        self.note(state, room, new);
    }

    pub(super) fn unwant(&self, room: &RoomName) {
        let mut state = self.state();
        let new = state.wanted.remove(room);
        self.note(state, room, new);
    }

    /// A new connection knows of no room.
    pub(super) fn connected(&self) {
        let mut state = self.state();
        state.changed = Some(state.wanted.clone());
    }

    pub(super) fn disconnected(&self) {
        self.state().changed = None;
    }

    /// Takes what has changed, or nothing. A room that was given up and is
    /// wanted again is a change: whoever wanted it anew waits to be told.
    pub(super) fn take_changes(&self) -> Option<Changes> {
        let mut state = self.state();
        let changed = mem::take(state.changed.as_mut()?);
        let (wanted, unwanted) = changed.into_iter().partition(|room| state.wanted.contains(room));
        Some(Changes { wanted, unwanted }).filter(|changes| *changes != Changes::default())
    }

    /// Waits for a change that was not taken yet; it may wake without one.
    pub(super) async fn changed(&self) {
        self.nudge.notified().await;
    }

    fn note(&self, mut state: MutexGuard<'_, State>, room: &RoomName, new: bool) {
        if !new {
            return;
        }
        if let Some(changed) = &mut state.changed {
            changed.insert(room.clone());
        }
        metrics::bus_subscriptions(state.wanted.len());
        self.nudge.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(rooms: &Rooms) -> String {
        let Some(mut changes) = rooms.take_changes() else { return "-".to_owned() };
        changes.wanted.sort();
        changes.unwanted.sort();
        let mut words: Vec<_> = changes.wanted.iter().map(|room| format!("+{room}")).collect();
        words.extend(changes.unwanted.iter().map(|room| format!("-{room}")));
        words.join(" ")
    }

    fn after(steps: &str) -> String {
        let rooms = Rooms::default();
        let mut seen = Vec::new();
        for step in steps.split_whitespace() {
            match step.split_at(1) {
                ("+", room) => rooms.want(&room.parse().unwrap()),
                ("-", room) => rooms.unwant(&room.parse().unwrap()),
                ("(", _) => rooms.connected(),
                (")", _) => rooms.disconnected(),
                _ => seen.push(changes(&rooms)),
            }
        }
        seen.join(", ")
    }

    #[test]
    fn a_connection_is_told_what_changed_since_it_was_told_last() {
        for (steps, told) in [
            ("( ?", "-"),
            ("( +a +b ? ?", "+a +b, -"),
            ("( +a ? +a ?", "+a, -"),
            ("( +a ? -a ? -a ?", "+a, -a, -"),
            ("( +a -a ?", "-a"),
            ("( +a ? -a +a ?", "+a, +a"),
        ] {
            assert_eq!(after(steps), told, "{steps}");
        }
    }

    #[test]
    fn each_new_connection_is_told_all() {
        for (steps, told) in
            [("+a +b ? ( ?", "-, +a +b"), ("( +a ? ) +b -a ? ( ?", "+a, -, +b"), ("( +a -b ) ( ?", "+a")]
        {
            assert_eq!(after(steps), told, "{steps}");
        }
    }

    #[test]
    fn what_changes_without_a_connection_takes_no_room() {
        let rooms = Rooms::default();
        for n in 0..100 {
            let room = format!("room-{n}").parse().unwrap();
            rooms.want(&room);
            rooms.unwant(&room);
        }
        let state = rooms.state();
        assert!(state.wanted.is_empty() && state.changed.is_none());
    }
}
