//! Who is in one room on this node, kept in order, so that no question about a crowd looks through all of it.

use std::{collections::BTreeMap, sync::Arc};

use crate::chat::{
    ear::Ear,
    presence::{PEOPLE_TOLD, Person, Roster},
    types::{UserId, UserName},
};

/// The sessions of one room, and the people behind them. Bounded by the sessions' own limit of rooms.
#[derive(Default)]
pub(super) struct Members {
    /// Each user's sessions here.
    sessions: BTreeMap<UserId, Vec<Member>>,
    /// Each user once, by the name that counts.
    people: BTreeMap<(UserName, UserId), Person>,
    count: usize,
}

struct Member {
    ear: Arc<Ear>,
    /// What its user was called when it was put here: `people` goes by that.
    person: Person,
}

impl Members {
    /// Takes a session in; once, however often it is put here.
    pub(super) fn put(&mut self, ear: &Arc<Ear>) {
        let member = Member { ear: ear.clone(), person: ear.person() };
        self.change(&member.person.author.id.clone(), |sessions| {
            sessions.retain(|there| there.ear.id() != ear.id());
            sessions.push(member);
        });
    }

    /// Learns what a session's user is called now, if that session is here.
    pub(super) fn rename(&mut self, ear: &Ear) {
        let person = ear.person();
        self.change(&person.author.id.clone(), |sessions| {
            if let Some(there) = sessions.iter_mut().find(|there| there.ear.id() == ear.id()) {
                there.person = person;
            }
        });
    }

    /// Forgets a session.
    pub(super) fn remove(&mut self, ear: &Ear) {
        self.change(&ear.person().author.id, |sessions| sessions.retain(|there| there.ear.id() != ear.id()));
    }

    /// Nobody is here.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many sessions are here.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// All sessions, in one order.
    pub(super) fn ears(&self) -> impl Iterator<Item = &Arc<Ear>> {
        self.sessions.values().flatten().map(|member| &member.ear)
    }

    /// What this node says of its people here. It costs as much in a crowd as where everyone is named.
    pub(super) fn roster(&self) -> Roster {
        Roster::told(self.people.values().take(PEOPLE_TOLD).cloned().collect(), self.people.len())
    }

    /// Does something with a user's sessions, and keeps `people` and `count` true.
    fn change(&mut self, user: &UserId, act: impl FnOnce(&mut Vec<Member>)) {
        let mut sessions = self.sessions.remove(user).unwrap_or_default();
        if let Some(person) = named(&sessions) {
            self.people.remove(&(person.author.name.clone(), user.clone()));
        }
        self.count -= sessions.len();
        act(&mut sessions);
        self.count += sessions.len();
        if let Some(person) = named(&sessions) {
            self.people.insert((person.author.name.clone(), user.clone()), person.clone());
            self.sessions.insert(user.clone(), sessions);
        }
    }
}

/// What a user is called, of what their sessions say.
fn named(sessions: &[Member]) -> Option<&Person> {
    sessions.iter().map(|member| &member.person).max_by(|a, b| a.rank().cmp(&b.rank()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        chat::{company::Company, testing::FixedClock, types::Author},
        cluster::memory::presence::MemoryPresence,
    };

    fn author(user: u64, name: u64) -> Author {
        Author {
            id: format!("u{user}").parse().unwrap(),
            name: format!("n{name:03}").parse().unwrap(),
            color: None,
        }
    }

    /// What the roster is, looked for among all sessions.
    fn searched(sessions: &BTreeMap<u64, Arc<Ear>>) -> Roster {
        let mut by_user = BTreeMap::new();
        for ear in sessions.values() {
            let person = ear.person();
            let best = by_user.entry(person.author.id.clone()).or_insert_with(|| person.clone());
            if best.rank() < person.rank() {
                *best = person;
            }
        }
        let count = by_user.len();
        let mut people: Vec<_> = by_user.into_values().collect();
        people.sort_by_key(|person| (person.author.name.clone(), person.author.id.clone()));
        Roster::told(people, count)
    }

    #[tokio::test]
    async fn the_roster_is_that_of_all_sessions_whoever_comes_goes_and_is_renamed() {
        let store = Arc::new(MemoryPresence::default().join(mpsc::channel(1).0));
        let company = Company::new(store, Arc::new(FixedClock), Arc::default(), "n1".parse().unwrap());
        let ears: Vec<_> = (0..320).map(|n| Ear::new(&company, author(n % 250, n))).collect();
        let (mut members, mut sessions) = (Members::default(), BTreeMap::new());
        let mut dice = 1_u64;
        for step in 0..2_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let ear = &ears[usize::try_from((dice >> 33) % 320).unwrap()];
            // More come than go, then more go than come.
            match (dice >> 20) % 8 {
                0 => {
                    let named = author(0, (dice >> 40) % 1_000);
                    ear.rename(Author { name: named.name, ..ear.person().author }, &[]);
                    members.rename(ear);
                }
                coin if (coin < 5) == (step < 1_000) => {
                    members.put(ear);
                    sessions.insert(ear.id(), ear.clone());
                }
                _ => {
                    members.remove(ear);
                    sessions.remove(&ear.id());
                }
            }
            assert_eq!(members.roster(), searched(&sessions), "step {step}");
            assert_eq!(members.count(), sessions.len());
            assert_eq!(members.ears().count(), sessions.len());
        }
        ears.iter().for_each(|ear| members.remove(ear));
        assert!(members.is_empty() && members.roster() == Roster::default());
    }
}
