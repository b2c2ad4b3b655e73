//! Who is in a room, out of what each node says of its own people: pure.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use tokio::time::Instant;

use super::types::{Author, UnixMs, UserId, UserName};

/// So many people of a room are told by name, and a node names no more of its own: with more, a room is a
/// crowd, of which only the count is told.
pub const PEOPLE_TOLD: usize = 200;

/// Someone who is away no longer than this has not left: connections break and come back, perhaps elsewhere.
pub const GRACE: Duration = Duration::from_secs(2);

/// Pause between two counts of a crowd: each goes to all of it.
pub const CROWD_PAUSE: Duration = Duration::from_secs(5);

/// One life of a node: another one begins with each start, also under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRun(pub u64);

/// Someone who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who, and what they are called.
    pub author: Author,
    /// Since when they are called so: of two names of one user, the later counts.
    pub since: UnixMs,
}

/// The people of one node that are in a room: how many, and the first of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    people: Vec<Person>,
    count: usize,
}

impl Roster {
    /// The first by name of so many people: no more than any node names, and no fewer than are named.
    #[must_use]
    pub fn told(mut people: Vec<Person>, count: usize) -> Self {
        people.truncate(PEOPLE_TOLD);
        let count = count.max(people.len());
        Self { people, count }
    }

    /// Those who are named.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

impl Person {
    /// Of two names of one user, the one with the greater rank counts.
    #[must_use]
    pub fn rank(&self) -> (UnixMs, &UserName) {
        (self.since, &self.author.name)
    }
}

/// Adds someone, unless they are there under a later name.
fn add(people: &mut BTreeMap<UserId, Person>, person: Person) {
    match people.entry(person.author.id.clone()) {
        Entry::Vacant(place) => drop(place.insert(person)),
        Entry::Occupied(mut there) if there.get().rank() < person.rank() => drop(there.insert(person)),
        Entry::Occupied(_) => {}
    }
}

/// The first by name, as many as are told.
fn by_name(people: impl Iterator<Item = Person>) -> Vec<Person> {
    let mut people: Vec<_> = people.collect();
    let key =
        |person: &Person| -> (UserName, UserId) { (person.author.name.clone(), person.author.id.clone()) };
    people.sort_by_cached_key(key);
    people.truncate(PEOPLE_TOLD);
    people
}

/// What a room's members are to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Who came, or is called something else now. After a crowd: everyone.
    pub joined: Vec<Author>,
    /// Who left.
    pub left: Vec<UserId>,
    /// How many there are.
    pub count: usize,
}

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// By name, at most [`PEOPLE_TOLD`].
    pub members: Vec<Author>,
    /// All of them.
    pub count: usize,
}

/// One room, as a node sees it: what the others say of it, and what its own members have been told.
///
/// What the node says of its own people is given with each look. A user on several nodes is one; only of a
/// node that has more people than it names, this one or another, some may be counted twice.
#[derive(Debug, Default)]
pub struct RoomPresence {
    elsewhere: BTreeMap<NodeRun, (Roster, Instant)>,
    /// Whom the members know to be here; empty in a crowd.
    told: BTreeMap<UserId, Author>,
    told_count: usize,
    told_at: Option<Instant>,
    /// Whom only answers have named so far, so that whoever asked has to be told when they leave.
    named: BTreeMap<UserId, Author>,
    /// Those of both who are away, and since when.
    away: BTreeMap<UserId, Instant>,
}

impl RoomPresence {
    /// Takes what another node says of its people.
    pub fn hear(&mut self, run: NodeRun, roster: Roster, now: Instant) {
        if roster.count == 0 {
            self.elsewhere.remove(&run);
        } else {
            self.elsewhere.insert(run, (roster, now));
        }
    }

    /// Takes what a question that was asked at `asked` says of all other nodes' people. What was
    /// heard since then is newer.
    pub fn learn(&mut self, rosters: Vec<(NodeRun, Roster)>, asked: Instant) {
        self.elsewhere.retain(|_, (_, heard)| asked <= *heard);
        for (run, roster) in rosters.into_iter().filter(|(_, roster)| 0 < roster.count) {
            self.elsewhere.entry(run).or_insert((roster, asked));
        }
    }

    /// Forgets what nodes said that are no more; whether it was anything.
    pub fn forget(&mut self, is_alive: impl Fn(NodeRun) -> bool) -> bool {
        let before = self.elsewhere.len();
        self.elsewhere.retain(|run, _| is_alive(*run));
        self.elsewhere.len() < before
    }

    /// What the members are to be told now, if anything, and whether to look again soon in any case.
    pub fn look(&mut self, here: &Roster, now: Instant) -> (Option<Change>, bool) {
        let (people, unnamed) = self.gather(here);
        let there = people.len() + unnamed;
        if PEOPLE_TOLD < there {
            return self.look_at_crowd(there, now);
        }
        let is_missing = |id: &&UserId| !people.contains_key(*id);
        for id in self.told.keys().chain(self.named.keys()).filter(is_missing) {
            self.away.entry(id.clone()).or_insert(now);
        }
        self.away.retain(|id, _| !people.contains_key(id));
        let is_gone = |since: &Instant| GRACE <= now.saturating_duration_since(*since);
        let left: Vec<_> =
            self.away.iter().filter(|(_, since)| is_gone(since)).map(|(id, _)| id.clone()).collect();
        let count = there + self.away.len() - left.len();
        if PEOPLE_TOLD < count {
            self.look_at_crowd(count, now)
        } else {
            (self.tell(people, left, count, now), !self.away.is_empty())
        }
    }

    /// Who is here, those included who are away for a moment, also if nobody has looked since: they may be
    /// back before their members are told anything. Who is named here is told to have left later, also if
    /// members were told of them by nothing else. Of a crowd nobody can say who of those is away.
    pub fn people(&mut self, here: &Roster) -> People {
        let (mut people, unnamed) = self.gather(here);
        if people.len() + unnamed <= PEOPLE_TOLD {
            for author in self.told.values().chain(self.named.values()) {
                add(&mut people, Person { author: author.clone(), since: UnixMs(0) });
            }
        }
        let count = people.len() + unnamed;
        let members: Vec<_> = by_name(people.into_values()).into_iter().map(|person| person.author).collect();
        if count <= PEOPLE_TOLD {
            let news = members.iter().filter(|author| !self.told.contains_key(&author.id));
            self.named.extend(news.map(|author| (author.id.clone(), author.clone())));
        }
        People { members, count }
    }

    /// The people of all nodes, and how many more there are that are not named.
    fn gather(&self, here: &Roster) -> (BTreeMap<UserId, Person>, usize) {
        let (mut people, mut unnamed) = (BTreeMap::new(), 0);
        let elsewhere = self.elsewhere.values().map(|(roster, _)| roster);
        for roster in [here].into_iter().chain(elsewhere) {
            roster.people.iter().for_each(|person| add(&mut people, person.clone()));
            unnamed += roster.count - roster.people.len();
        }
        (people, unnamed)
    }

    fn tell(
        &mut self,
        people: BTreeMap<UserId, Person>,
        left: Vec<UserId>,
        count: usize,
        now: Instant,
    ) -> Option<Change> {
        for id in &left {
            self.told.remove(id);
            self.named.remove(id);
            self.away.remove(id);
        }
        let is_news = |author: &Author| self.told.get(&author.id) != Some(author);
        let joined: Vec<_> = people.into_values().map(|person| person.author).filter(is_news).collect();
        self.told.extend(joined.iter().map(|author| (author.id.clone(), author.clone())));
        self.named.retain(|id, _| !self.told.contains_key(id));
        if joined.is_empty() && left.is_empty() && count == self.told_count {
            return None;
        }
        (self.told_count, self.told_at) = (count, Some(now));
        Some(Change { joined, left, count })
    }

    /// A crowd's members know nobody by name, so that nobody can be missed.
    fn look_at_crowd(&mut self, count: usize, now: Instant) -> (Option<Change>, bool) {
        let was_crowd = self.told.is_empty() && 0 < self.told_count;
        self.told.clear();
        self.named.clear();
        self.away.clear();
        if was_crowd && count == self.told_count {
            return (None, false);
        }
        let is_soon = |at: Instant| now.saturating_duration_since(at) < CROWD_PAUSE;
        if was_crowd && self.told_at.is_some_and(is_soon) {
            return (None, true);
        }
        (self.told_count, self.told_at) = (count, Some(now));
        (Some(Change { count, ..Change::default() }), false)
    }
}

#[cfg(test)]
mod tests;
