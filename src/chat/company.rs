//! The people of this node, room by room: what they are told of each other, and what other nodes are told of them.
//!
//! Nothing here is waited for by a message. Members enter and leave at once, and mark their room;
//! one task tells members what has changed, another keeps this node's word in the store fresh, a
//! third takes what other nodes whisper.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    ear::{Ear, News},
    ports::{Clock, NodeStatus, PresenceStore, Said, Whisper},
    presence::{self, NodeRun, People, RoomPresence, Roster},
    rate_limit::RateLimit,
    stats::Stats,
    types::{Author, NodeId, RoomName, UnixMs},
};
use crate::sync::lock;

use self::members::Members;

/// How long a node that says nothing is taken to live. With [`BEAT`](keeper::BEAT), [`presence::GRACE`] and
/// [`SHOW_PAUSE`], the people of one that was killed have left within 12 seconds.
pub const LEASE: Duration = Duration::from_secs(7);

/// For so long changes are gathered before members are told.
const SHOW_PAUSE: Duration = Duration::from_millis(500);

/// Questions of clients that wait for the store at one time; others get what this node knows.
const QUESTIONS_MAX: usize = 16;

/// Those who are told to be typing in a room, a second; more are not.
const TYPING_PER_SECOND: u32 = 5;

mod keeper;
mod members;
#[cfg(test)]
mod tests;

/// The people of this node, and what is known of the others'.
pub struct Company {
    store: Arc<dyn PresenceStore>,
    clock: Arc<dyn Clock>,
    stats: Arc<Stats>,
    node: NodeId,
    since: UnixMs,
    state: Mutex<State>,
    /// There is something to tell the store, or to ask it.
    due: Notify,
    questions: Semaphore,
}

#[derive(Default)]
struct State {
    /// Those with members here: bounded by the sessions' own limit of rooms.
    rooms: HashMap<RoomName, Room>,
    /// Rooms whose members may have to be told.
    look: HashSet<RoomName>,
    /// Rooms whose people on this node may be others than the store has.
    tell: HashSet<RoomName>,
    /// Until when the other nodes are taken to live.
    alive: HashMap<NodeRun, Instant>,
    /// The store answered when it was asked last.
    complete: bool,
}

struct Room {
    members: Members,
    presence: RoomPresence,
    /// What the store was told last; `None` if that is not known.
    told: Option<Roster>,
    /// Other nodes' people are known.
    asked: bool,
    typing: RateLimit,
}

impl Room {
    fn people(&mut self) -> People {
        self.presence.people(&self.members.roster())
    }
}

impl State {
    /// Takes what the store answered about a room.
    fn learn(&mut self, name: &RoomName, rosters: Vec<(NodeRun, Roster)>, asked: Instant) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        for (run, _) in &rosters {
            self.alive.entry(*run).or_insert(asked + LEASE);
        }
        room.presence.learn(rosters, asked);
        room.asked = true;
        self.look.insert(name.clone());
    }
}

/// Who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The people.
    pub people: People,
    /// All nodes are counted in.
    pub complete: bool,
}

impl Company {
    /// Nobody yet. The caller runs [`show`](Self::show), [`keep`](Self::keep) and [`listen`](Self::listen).
    #[must_use]
    pub fn new(
        store: Arc<dyn PresenceStore>,
        clock: Arc<dyn Clock>,
        stats: Arc<Stats>,
        node: NodeId,
    ) -> Arc<Self> {
        let since = clock.now();
        let (state, due, questions) = (Mutex::default(), Notify::new(), Semaphore::new(QUESTIONS_MAX));
        Arc::new(Self { store, clock, stats, node, since, state, due, questions })
    }

    pub(super) fn now(&self) -> UnixMs {
        self.clock.now()
    }

    pub(super) fn enter(&self, name: &RoomName, ear: &Arc<Ear>) {
        let mut state = lock(&self.state);
        let room = state.rooms.entry(name.clone()).or_insert_with(|| Room {
            members: Members::default(),
            presence: RoomPresence::default(),
            told: Some(Roster::default()),
            asked: false,
            typing: RateLimit::new(TYPING_PER_SECOND, Instant::now()),
        });
        room.members.put(ear);
        self.mark(&mut state, name);
    }

    pub(super) fn leave(&self, name: &RoomName, ear: &Ear) {
        let mut state = lock(&self.state);
        if let Some(room) = state.rooms.get_mut(name) {
            room.members.remove(ear);
            self.mark(&mut state, name);
        }
    }

    /// Someone in these rooms is called something else now.
    pub(super) fn rename(&self, rooms: &[RoomName], ear: &Ear) {
        let mut state = lock(&self.state);
        for name in rooms {
            if let Some(room) = state.rooms.get_mut(name) {
                room.members.rename(ear);
                self.mark(&mut state, name);
            }
        }
    }

    fn mark(&self, state: &mut State, name: &RoomName) {
        state.look.insert(name.clone());
        state.tell.insert(name.clone());
        self.due.notify_one();
    }

    /// Someone here is typing: tells the others in the room, on all nodes.
    pub(super) fn type_in(&self, name: &RoomName, author: &Author) {
        if self.show_typing(name, author) {
            self.store.type_in(name, author);
        }
    }

    /// Tells the members here, but for the sessions of that user; not if too many are typing.
    fn show_typing(&self, name: &RoomName, author: &Author) -> bool {
        let ears: Vec<_> = {
            let mut state = lock(&self.state);
            let Some(room) = state.rooms.get_mut(name) else { return false };
            // In a crowd someone always is, and each sign of it would go to all.
            let is_crowd = presence::PEOPLE_TOLD < room.members.count();
            if is_crowd || room.typing.take(Instant::now()).is_err() {
                return false;
            }
            room.members.ears().filter(|ear| ear.person().author.id != author.id).cloned().collect()
        };
        self.stats.typing_told.add(self.send(&ears, News::Typing(name.clone(), author.clone())));
        true
    }

    /// Returns how many took it.
    fn send(&self, ears: &[Arc<Ear>], news: News) -> u64 {
        let news = Arc::new(news);
        let taken = ears.iter().filter(|ear| ear.take(news.clone())).count();
        self.stats.news_dropped.add((ears.len() - taken) as u64);
        taken as u64
    }

    /// Who is in a room, if this node knows it without asking.
    #[must_use]
    pub fn known(&self, name: &RoomName) -> Option<Who> {
        let mut state = lock(&self.state);
        let complete = state.complete;
        let people = match state.rooms.get_mut(name).filter(|room| room.asked || !complete) {
            Some(room) => room.people(),
            None if complete => return None,
            None => People::default(),
        };
        Some(Who { people, complete })
    }

    /// Who is in a room; the store may be asked.
    pub async fn who(&self, name: &RoomName) -> Who {
        if let Some(known) = self.known(name) {
            return known;
        }
        let Ok(_turn) = self.questions.try_acquire() else { return self.guess(name) };
        let asked = Instant::now();
        let answer = self.store.ask(std::slice::from_ref(name)).await;
        let Ok(rosters) = answer else { return self.guess(name) };
        let rosters = rosters.into_iter().next().unwrap_or_default();
        let mut state = lock(&self.state);
        if state.rooms.contains_key(name) {
            state.learn(name, rosters, asked);
            let people = state.rooms.get_mut(name).map(Room::people);
            return Who { people: people.unwrap_or_default(), complete: true };
        }
        // Nobody here is in it: nothing of it is kept.
        let mut presence = RoomPresence::default();
        presence.learn(rosters, asked);
        Who { people: presence.people(&Roster::default()), complete: true }
    }

    /// Who is in a room as far as this node can tell.
    #[must_use]
    pub fn guess(&self, name: &RoomName) -> Who {
        let people = lock(&self.state).rooms.get_mut(name).map(Room::people);
        Who { people: people.unwrap_or_default(), complete: false }
    }

    /// This node as it is now.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let sessions = u64::try_from(self.stats.sessions.get()).unwrap_or(0);
        NodeStatus { id: self.node.clone(), sessions, since: self.since }
    }

    /// The nodes that are alive, this one first; alone if the store cannot be asked.
    pub async fn nodes(&self) -> Vec<NodeStatus> {
        let mut nodes = vec![self.status()];
        let Ok(_turn) = self.questions.try_acquire() else { return nodes };
        let others = self.store.nodes().await.unwrap_or_default();
        nodes.extend(others.into_iter().map(|(_, status)| status));
        nodes
    }

    /// Tells members what has changed in their rooms, until the node stops.
    pub async fn show(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(SHOW_PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let mut rooms: Vec<_> = mem::take(&mut lock(&self.state).look).into_iter().collect();
            // In one order, so that a schedule is followed alike each time it is simulated.
            rooms.sort();
            rooms.iter().for_each(|name| self.show_room(name));
        }
    }

    fn show_room(&self, name: &RoomName) {
        let (ears, change) = {
            let mut state = lock(&self.state);
            let Some(room) = state.rooms.get_mut(name).filter(|room| !room.members.is_empty()) else {
                return;
            };
            let (change, again) = room.presence.look(&room.members.roster(), Instant::now());
            let Some(change) = change else {
                if again {
                    state.look.insert(name.clone());
                }
                return;
            };
            let ears: Vec<_> = room.members.ears().cloned().collect();
            if again {
                state.look.insert(name.clone());
            }
            (ears, change)
        };
        self.stats.people_told.add(self.send(&ears, News::People(name.clone(), change)));
    }

    /// Takes what other nodes whisper, until the node stops.
    pub async fn listen(self: Arc<Self>, mut whispers: mpsc::Receiver<Whisper>, stop: CancellationToken) {
        while let Some(Some(Whisper { run, room, said })) = stop.run_until_cancelled(whispers.recv()).await {
            match said {
                Said::Typing(author) => drop(self.show_typing(&room, &author)),
                Said::Roster(roster) => self.hear(run, room, roster),
            }
        }
    }

    fn hear(&self, run: NodeRun, name: RoomName, roster: Roster) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let Some(room) = state.rooms.get_mut(&name) else { return };
        room.presence.hear(run, roster, now);
        // Who whispers lives; the next beat tells whether the store thinks so, too.
        state.alive.insert(run, now + LEASE);
        state.look.insert(name);
    }
}
