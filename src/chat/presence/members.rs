//! The members of one room on this node, kept sorted, so that no query of a large room walks all of it.

use std::{collections::BTreeMap, sync::Arc};

use crate::chat::{
    model::{NAMED_MAX, Person, Roster, UserId, UserName},
    presence::subscription::PresenceSubscription,
};

/// The sessions in one room and their users. Bounded by the sessions' own limit of rooms.
#[derive(Default)]
pub(super) struct Members {
    /// Each user's sessions here.
    sessions: BTreeMap<UserId, Vec<Member>>,
    /// Each user once, under the name that counts.
    people: BTreeMap<(UserName, UserId), Person>,
    count: usize,
}

struct Member {
    subscription: Arc<PresenceSubscription>,
    /// The user's name when it was inserted or renamed here: the key in `people`.
    person: Person,
}

impl Members {
    /// Adds a session; adding it twice changes nothing.
    pub(super) fn insert(&mut self, subscription: &Arc<PresenceSubscription>) {
        let member = Member { subscription: subscription.clone(), person: subscription.person() };
        self.change(&member.person.author.id.clone(), |sessions| {
            sessions.retain(|known| known.subscription.id() != subscription.id());
            sessions.push(member);
        });
    }

    /// Takes over a session's new name, if the session is here.
    pub(super) fn rename(&mut self, subscription: &PresenceSubscription) {
        let person = subscription.person();
        self.change(&person.author.id.clone(), |sessions| {
            if let Some(known) =
                sessions.iter_mut().find(|known| known.subscription.id() == subscription.id())
            {
                known.person = person;
            }
        });
    }

    /// Removes a session.
    pub(super) fn remove(&mut self, subscription: &PresenceSubscription) {
        self.change(&subscription.person().author.id, |sessions| {
            sessions.retain(|known| known.subscription.id() != subscription.id());
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many sessions are here.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// All sessions, by user id.
    pub(super) fn subscriptions(&self) -> impl Iterator<Item = &Arc<PresenceSubscription>> {
        self.sessions.values().flatten().map(|member| &member.subscription)
    }

    /// This node's roster of the room. It costs the same however many members there are.
    pub(super) fn roster(&self) -> Roster {
        Roster::new(self.people.values().take(NAMED_MAX).cloned().collect(), self.people.len())
    }

    /// Changes a user's sessions and keeps `people` and `count` in step.
    fn change(&mut self, user: &UserId, act: impl FnOnce(&mut Vec<Member>)) {
        let mut sessions = self.sessions.remove(user).unwrap_or_default();
        if let Some(person) = current_name(&sessions) {
            self.people.remove(&(person.author.name.clone(), user.clone()));
        }
        self.count -= sessions.len();
        act(&mut sessions);
        self.count += sessions.len();
        if let Some(person) = current_name(&sessions) {
            self.people.insert((person.author.name.clone(), user.clone()), person.clone());
            self.sessions.insert(user.clone(), sessions);
        }
    }
}

/// A user's latest name among those of their sessions.
fn current_name(sessions: &[Member]) -> Option<&Person> {
    sessions.iter().map(|member| &member.person).max_by(|a, b| a.rank().cmp(&b.rank()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::chat::model::{Author, UnixMs};

    fn person(user: u64, name: u64) -> Person {
        let id = format!("u{user}").parse().unwrap();
        let name = format!("n{name:03}").parse().unwrap();
        Person { author: Author { id, name, color: None }, since: UnixMs(1) }
    }

    /// The roster, computed from all sessions.
    fn computed(sessions: &BTreeMap<u64, Arc<PresenceSubscription>>) -> Roster {
        let mut by_user = BTreeMap::new();
        for subscription in sessions.values() {
            let person = subscription.person();
            let best = by_user.entry(person.author.id.clone()).or_insert_with(|| person.clone());
            if best.rank() < person.rank() {
                *best = person;
            }
        }
        let count = by_user.len();
        let mut people: Vec<_> = by_user.into_values().collect();
        people.sort_by_key(|person| (person.author.name.clone(), person.author.id.clone()));
        Roster::new(people, count)
    }

    #[test]
    fn the_roster_is_that_of_all_sessions_whoever_comes_goes_and_is_renamed() {
        let subscription = |n| Arc::new(PresenceSubscription::new(person(n % 250, n)));
        let subscriptions: Vec<_> = (0..320).map(subscription).collect();
        let (mut members, mut sessions) = (Members::default(), BTreeMap::new());
        let mut dice = 1_u64;
        for step in 0..2_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let subscription = &subscriptions[usize::try_from((dice >> 33) % 320).unwrap()];
            // More come than go, then more go than come.
            match (dice >> 20) % 8 {
                0 => {
                    let renamed = person(0, (dice >> 40) % 1_000).author.name;
                    let before = subscription.person();
                    let author = Author { name: renamed, ..before.author };
                    subscription.rename(Person { author, ..before });
                    members.rename(subscription);
                }
                coin if (coin < 5) == (step < 1_000) => {
                    members.insert(subscription);
                    sessions.insert(subscription.id(), subscription.clone());
                }
                _ => {
                    members.remove(subscription);
                    sessions.remove(&subscription.id());
                }
            }
            assert_eq!(members.roster(), computed(&sessions), "step {step}");
            assert_eq!(members.count(), sessions.len());
            assert_eq!(members.subscriptions().count(), sessions.len());
        }
        subscriptions.iter().for_each(|subscription| members.remove(subscription));
        assert!(members.is_empty() && members.roster() == Roster::default());
    }
}
