//! Who is in one room on all nodes, and what its members have been told about it: pure.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use tokio::time::Instant;

use crate::chat::model::{Author, NAMED_MAX, NodeInstance, Person, Roster, UnixMs, UserId, UserName};

/// A user who is away no longer than this has not left: connections break and come back, perhaps on another node.
pub const GRACE: Duration = Duration::from_secs(2);

/// Pause between two counts of a large room: each goes to all of its members.
pub const COUNT_PAUSE: Duration = Duration::from_secs(5);

/// A change that a room's members are notified of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceChange {
    /// Users who joined or were renamed. When a large room becomes smaller: everyone.
    pub joined: Vec<Author>,
    /// Users who left.
    pub left: Vec<UserId>,
    /// How many there are.
    pub count: usize,
}

/// The members of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberList {
    /// Sorted by name, at most [`NAMED_MAX`].
    pub members: Vec<Author>,
    /// How many there are, listed or not.
    pub count: usize,
}

/// The presence of one room, as this node sees it: the rosters of other nodes, and what the members here were told.
///
/// This node's own roster is passed to each call. A user on several nodes counts once; only users beyond the
/// [`NAMED_MAX`] that a roster names may be counted twice. A room with more members than that is a large one: its
/// members are told the count alone.
#[derive(Debug, Default)]
pub struct RoomPresence {
    elsewhere: BTreeMap<NodeInstance, (Roster, Instant)>,
    /// The users that all members know of; empty in a large room.
    announced: BTreeMap<UserId, Author>,
    announced_count: usize,
    announced_at: Option<Instant>,
    /// Users that only responses to `who` have named so far: whoever asked must be told when they leave.
    named: BTreeMap<UserId, Author>,
    /// Users of either map who are away, and since when.
    away: BTreeMap<UserId, Instant>,
}

impl RoomPresence {
    /// Takes another node's roster.
    pub fn update(&mut self, instance: NodeInstance, roster: Roster, now: Instant) {
        if roster.count() == 0 {
            self.elsewhere.remove(&instance);
        } else {
            self.elsewhere.insert(instance, (roster, now));
        }
    }

    /// Takes the rosters of all other nodes, as fetched at `fetched_at`. Updates since then are newer and stay.
    pub fn replace(&mut self, rosters: Vec<(NodeInstance, Roster)>, fetched_at: Instant) {
        self.elsewhere.retain(|_, (_, updated_at)| fetched_at <= *updated_at);
        for (instance, roster) in rosters.into_iter().filter(|(_, roster)| 0 < roster.count()) {
            self.elsewhere.entry(instance).or_insert((roster, fetched_at));
        }
    }

    /// Drops the rosters of nodes that are not alive; returns whether there were any.
    pub fn retain_nodes(&mut self, is_alive: impl Fn(NodeInstance) -> bool) -> bool {
        let before = self.elsewhere.len();
        self.elsewhere.retain(|instance, _| is_alive(*instance));
        self.elsewhere.len() < before
    }

    /// The change to notify the members of now, if any, and whether to call again soon in any case.
    pub fn next_change(&mut self, here: &Roster, now: Instant) -> (Option<PresenceChange>, bool) {
        let (people, unnamed) = self.merge(here);
        let present = people.len() + unnamed;
        if NAMED_MAX < present {
            return self.next_count(present, now);
        }
        let is_missing = |id: &&UserId| !people.contains_key(*id);
        for id in self.announced.keys().chain(self.named.keys()).filter(is_missing) {
            self.away.entry(id.clone()).or_insert(now);
        }
        self.away.retain(|id, _| !people.contains_key(id));
        let has_left = |since: &Instant| GRACE <= now.saturating_duration_since(*since);
        let left: Vec<_> =
            self.away.iter().filter(|(_, since)| has_left(since)).map(|(id, _)| id.clone()).collect();
        let count = present + self.away.len() - left.len();
        if NAMED_MAX < count {
            self.next_count(count, now)
        } else {
            (self.announce(people, left, count, now), !self.away.is_empty())
        }
    }

    /// The current members, with those who are away for a moment: they may be back before anyone is told. Everyone who
    /// is named here will be announced when they leave, even if they were announced by nothing else. In a large room
    /// nobody can tell who is away.
    pub fn members(&mut self, here: &Roster) -> MemberList {
        let (mut people, unnamed) = self.merge(here);
        if people.len() + unnamed <= NAMED_MAX {
            for author in self.announced.values().chain(self.named.values()) {
                add(&mut people, Person { author: author.clone(), since: UnixMs(0) });
            }
        }
        let count = people.len() + unnamed;
        let members: Vec<_> =
            first_by_name(people.into_values()).into_iter().map(|person| person.author).collect();
        if count <= NAMED_MAX {
            let new = members.iter().filter(|author| !self.announced.contains_key(&author.id));
            self.named.extend(new.map(|author| (author.id.clone(), author.clone())));
        }
        MemberList { members, count }
    }

    /// The named users of all nodes, and how many more there are.
    fn merge(&self, here: &Roster) -> (BTreeMap<UserId, Person>, usize) {
        let (mut people, mut unnamed) = (BTreeMap::new(), 0);
        let elsewhere = self.elsewhere.values().map(|(roster, _)| roster);
        for roster in [here].into_iter().chain(elsewhere) {
            roster.people().iter().for_each(|person| add(&mut people, person.clone()));
            unnamed += roster.count() - roster.people().len();
        }
        (people, unnamed)
    }

    fn announce(
        &mut self,
        people: BTreeMap<UserId, Person>,
        left: Vec<UserId>,
        count: usize,
        now: Instant,
    ) -> Option<PresenceChange> {
        for id in &left {
            self.announced.remove(id);
            self.named.remove(id);
            self.away.remove(id);
        }
        let is_new = |author: &Author| self.announced.get(&author.id) != Some(author);
        let joined: Vec<_> = people.into_values().map(|person| person.author).filter(is_new).collect();
        self.announced.extend(joined.iter().map(|author| (author.id.clone(), author.clone())));
        self.named.retain(|id, _| !self.announced.contains_key(id));
        if joined.is_empty() && left.is_empty() && count == self.announced_count {
            return None;
        }
        (self.announced_count, self.announced_at) = (count, Some(now));
        Some(PresenceChange { joined, left, count })
    }

    /// The count of a large room. Its members know nobody by name, and so miss nobody.
    fn next_count(&mut self, count: usize, now: Instant) -> (Option<PresenceChange>, bool) {
        let was_large = self.announced.is_empty() && 0 < self.announced_count;
        self.announced.clear();
        self.named.clear();
        self.away.clear();
        if was_large && count == self.announced_count {
            return (None, false);
        }
        let is_recent = |at: Instant| now.saturating_duration_since(at) < COUNT_PAUSE;
        if was_large && self.announced_at.is_some_and(is_recent) {
            return (None, true);
        }
        (self.announced_count, self.announced_at) = (count, Some(now));
        (Some(PresenceChange { count, ..PresenceChange::default() }), false)
    }
}

/// Adds a person, unless the user is there under a later name.
fn add(people: &mut BTreeMap<UserId, Person>, person: Person) {
    match people.entry(person.author.id.clone()) {
        Entry::Vacant(entry) => drop(entry.insert(person)),
        Entry::Occupied(mut known) if known.get().rank() < person.rank() => drop(known.insert(person)),
        Entry::Occupied(_) => {}
    }
}

/// The first [`NAMED_MAX`] by name.
fn first_by_name(people: impl Iterator<Item = Person>) -> Vec<Person> {
    let mut people: Vec<_> = people.collect();
    let key =
        |person: &Person| -> (UserName, UserId) { (person.author.name.clone(), person.author.id.clone()) };
    people.sort_by_cached_key(key);
    people.truncate(NAMED_MAX);
    people
}
