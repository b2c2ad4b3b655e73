//! A session's presence subscription: its user and a bounded queue of undelivered events.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{
    chat::{
        model::{Author, Person, RoomName},
        presence::room_presence::PresenceChange,
    },
    sync::lock,
};

/// An event about the members of a session's rooms.
#[derive(Debug, PartialEq, Eq)]
pub enum PresenceEvent {
    /// Members have joined, left or been renamed.
    Members(RoomName, PresenceChange),
    /// Someone is typing.
    Typing(RoomName, Author),
}

/// A session's user, and the events that its socket has not taken yet.
pub struct PresenceSubscription {
    id: u64,
    person: Mutex<Person>,
    events: Mutex<VecDeque<Arc<PresenceEvent>>>,
    wake: Notify,
}

impl PresenceSubscription {
    /// Events that wait for a session's socket. When it is full, the newest is dropped; clients may send `who`.
    pub const EVENTS_MAX: usize = 64;

    pub(super) fn new(person: Person) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Self { id, person: Mutex::new(person), events: Mutex::default(), wake: Notify::new() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn person(&self) -> Person {
        lock(&self.person).clone()
    }

    pub(super) fn rename(&self, person: Person) {
        *lock(&self.person) = person;
    }

    /// Waits for the next event.
    pub(super) async fn next(&self) -> Arc<PresenceEvent> {
        loop {
            if let Some(event) = lock(&self.events).pop_front() {
                return event;
            }
            self.wake.notified().await;
        }
    }

    /// Queues an event; returns whether there was room for it.
    pub(super) fn push(&self, event: Arc<PresenceEvent>) -> bool {
        let mut events = lock(&self.events);
        let has_room = events.len() < Self::EVENTS_MAX;
        if has_room {
            events.push_back(event);
            self.wake.notify_one();
        }
        has_room
    }
}
