//! Who is in a room on one node: the form in which nodes exchange presence.

use super::{
    message::{Author, UnixMs},
    names::UserName,
};

/// A roster names at most this many users, the first by name; of the others only the count is known.
pub const NAMED_MAX: usize = 200;

/// One run of a node's process: a restart under the same name is another instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeInstance(pub u64);

/// A user who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user and their current name.
    pub author: Author,
    /// When they took that name: of two names of one user, the later counts.
    pub since: UnixMs,
}

impl Person {
    /// Of two names of one user, the one with the greater rank counts.
    #[must_use]
    pub fn rank(&self) -> (UnixMs, &UserName) {
        (self.since, &self.author.name)
    }
}

/// The users of one node in one room: how many, and the first [`NAMED_MAX`] by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    people: Vec<Person>,
    count: usize,
}

impl Roster {
    /// Keeps the first [`NAMED_MAX`] of `people`, who are sorted by name; `count` is at least those that are named.
    #[must_use]
    pub fn new(mut people: Vec<Person>, count: usize) -> Self {
        people.truncate(NAMED_MAX);
        let count = count.max(people.len());
        Self { people, count }
    }

    /// The users that are named.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// How many users there are, named or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}
