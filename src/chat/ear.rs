//! One session's ear: who listens, and what of its rooms' people it is yet to be told.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{
    company::Company,
    presence::{Change, Person},
    types::{Author, RoomName},
};
use crate::sync::lock;

/// What a session is told of the people in its rooms.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// Who came and left.
    People(RoomName, Change),
    /// Someone is typing.
    Typing(RoomName, Author),
}

/// A session that is told of people, and is itself one of them.
pub struct Ear {
    id: u64,
    company: Arc<Company>,
    person: Mutex<Person>,
    news: Mutex<VecDeque<Arc<News>>>,
    wake: Notify,
}

impl Ear {
    /// News that wait for a session's socket. Full: the newest is dropped, and the session may ask who is there.
    pub const NEWS_MAX: usize = 64;

    /// An ear of someone who is in no room yet.
    #[must_use]
    pub fn new(company: &Arc<Company>, author: Author) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let person = Person { author, since: company.now() };
        Arc::new(Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            company: company.clone(),
            person: Mutex::new(person),
            news: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// Enters a room, until the stay is dropped.
    pub(super) fn enter(self: &Arc<Self>, room: &RoomName) -> Stay {
        self.company.enter(room, self);
        Stay { ear: self.clone(), room: room.clone() }
    }

    /// Is called something else from now on; it is the same user.
    pub(super) fn rename(&self, author: Author, rooms: &[RoomName]) {
        *lock(&self.person) = Person { author, since: self.company.now() };
        self.company.rename(rooms, self);
    }

    /// Tells the others in a room that this one is typing.
    pub(super) fn type_in(&self, room: &RoomName) {
        let author = self.person().author;
        self.company.type_in(room, &author);
    }

    /// The next piece of news, once there is one.
    pub async fn next(&self) -> Arc<News> {
        loop {
            if let Some(news) = lock(&self.news).pop_front() {
                return news;
            }
            self.wake.notified().await;
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn person(&self) -> Person {
        lock(&self.person).clone()
    }

    /// Whether there was room for it.
    pub(super) fn take(&self, news: Arc<News>) -> bool {
        let mut waiting = lock(&self.news);
        let has_room = waiting.len() < Self::NEWS_MAX;
        if has_room {
            waiting.push_back(news);
            self.wake.notify_one();
        }
        has_room
    }
}

/// Someone's stay in a room; it ends when this is dropped.
pub(super) struct Stay {
    ear: Arc<Ear>,
    room: RoomName,
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.ear.company.leave(&self.room, &self.ear);
    }
}
