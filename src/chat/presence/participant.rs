//! A session's side of presence: it is a member of its rooms and gets events about the other members.

use std::sync::Arc;

use crate::chat::{
    model::{Author, Person, RoomName},
    presence::{
        subscription::{PresenceEvent, PresenceSubscription},
        tracker::PresenceTracker,
    },
};

/// A session that takes part in presence. Clones are the same session.
#[derive(Clone)]
pub struct Participant {
    tracker: Arc<PresenceTracker>,
    subscription: Arc<PresenceSubscription>,
}

impl Participant {
    /// A session of this user, in no room yet.
    #[must_use]
    pub fn new(tracker: &Arc<PresenceTracker>, author: Author) -> Self {
        let subscription = PresenceSubscription::new(Person { author, since: tracker.now() });
        Self { tracker: tracker.clone(), subscription: Arc::new(subscription) }
    }

    /// Enters a room, until the guard is dropped.
    pub(in crate::chat) fn enter(&self, room: &RoomName) -> PresenceGuard {
        self.tracker.enter(room, &self.subscription);
        PresenceGuard { participant: self.clone(), room: room.clone() }
    }

    /// Changes the user's name or colour in these rooms; the user id stays.
    pub(in crate::chat) fn rename(&self, author: Author, rooms: &[RoomName]) {
        self.subscription.rename(Person { author, since: self.tracker.now() });
        self.tracker.rename(rooms, &self.subscription);
    }

    /// Tells the other members of a room that this user is typing.
    pub(in crate::chat) fn publish_typing(&self, room: &RoomName) {
        self.tracker.publish_typing(room, &self.subscription.person().author);
    }

    /// Waits for the next event.
    pub async fn next_event(&self) -> Arc<PresenceEvent> {
        self.subscription.next().await
    }
}

/// A session's membership in a room, as presence counts it. It ends when this is dropped.
pub(in crate::chat) struct PresenceGuard {
    participant: Participant,
    room: RoomName,
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        self.participant.tracker.leave(&self.room, &self.participant.subscription);
    }
}
