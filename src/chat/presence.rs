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
    /// The roster of these people, each of whom is named once.
    #[must_use]
    pub fn of(people: BTreeMap<UserId, Person>) -> Self {
        let count = people.len();
        Self { people: by_name(people.into_values()), count }
    }

    /// What another node told: at most so many people as any tells, and no fewer than it names.
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

/// Adds someone, unless they are there under a later name.
pub fn add(people: &mut BTreeMap<UserId, Person>, person: Person) {
    let is_later = |than: &Person| (than.since, &than.author.name) < (person.since, &person.author.name);
    match people.entry(person.author.id.clone()) {
        Entry::Vacant(place) => drop(place.insert(person)),
        Entry::Occupied(mut there) if is_later(there.get()) => drop(there.insert(person)),
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
/// The node's own people are given with each look. A user on several nodes, or with several sessions, is
/// one; only of a node that has more people than it names, some may be counted twice.
#[derive(Debug, Default)]
pub struct RoomPresence {
    elsewhere: BTreeMap<NodeRun, (Roster, Instant)>,
    /// Whom the members know to be here; empty in a crowd.
    told: BTreeMap<UserId, Author>,
    told_count: usize,
    told_at: Option<Instant>,
    /// Those of them who are away, and since when.
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
    pub fn look(&mut self, here: BTreeMap<UserId, Person>, now: Instant) -> (Option<Change>, bool) {
        let (people, unnamed) = self.gather(here);
        let is_missing = |id: &&UserId| !people.contains_key(*id);
        for id in self.told.keys().filter(is_missing) {
            self.away.entry(id.clone()).or_insert(now);
        }
        self.away.retain(|id, _| !people.contains_key(id));
        let is_gone = |since: &Instant| GRACE <= now.saturating_duration_since(*since);
        let left: Vec<_> =
            self.away.iter().filter(|(_, since)| is_gone(since)).map(|(id, _)| id.clone()).collect();
        let count = people.len() + self.away.len() - left.len() + unnamed;
        if PEOPLE_TOLD < count {
            self.look_at_crowd(count, now)
        } else {
            (self.tell(people, left, count, now), !self.away.is_empty())
        }
    }

    /// Who is here, those included who are away for a moment: so that what is told later fits.
    #[must_use]
    pub fn people(&self, here: BTreeMap<UserId, Person>) -> People {
        let (mut people, unnamed) = self.gather(here);
        for id in self.away.keys() {
            if let Some(author) = self.told.get(id) {
                add(&mut people, Person { author: author.clone(), since: UnixMs(0) });
            }
        }
        let count = people.len() + unnamed;
        People {
            members: by_name(people.into_values()).into_iter().map(|person| person.author).collect(),
            count,
        }
    }

    /// The people of all nodes, and how many more there are that are not named.
    fn gather(&self, here: BTreeMap<UserId, Person>) -> (BTreeMap<UserId, Person>, usize) {
        let (mut people, mut unnamed) = (here, 0);
        for (roster, _) in self.elsewhere.values() {
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
            self.away.remove(id);
        }
        let is_news = |author: &Author| self.told.get(&author.id) != Some(author);
        let joined: Vec<_> = people.into_values().map(|person| person.author).filter(is_news).collect();
        self.told.extend(joined.iter().map(|author| (author.id.clone(), author.clone())));
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
mod tests {
    use super::*;

    /// `ada` is called Ada since 1; `ada:Countess@5` Countess, since 5.
    fn person(word: &str) -> Person {
        let (id, rest) = word.split_once(':').unwrap_or((word, word));
        let (name, since) = rest.split_once('@').unwrap_or((rest, "1"));
        let author = Author { id: id.parse().unwrap(), name: name.parse().unwrap(), color: None };
        Person { author, since: UnixMs(since.parse().unwrap()) }
    }

    fn people(words: &str) -> BTreeMap<UserId, Person> {
        let mut people = BTreeMap::new();
        words.split_whitespace().for_each(|word| add(&mut people, person(word)));
        people
    }

    fn many(count: usize) -> BTreeMap<UserId, Person> {
        people(&(0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(" "))
    }

    fn line(change: Option<Change>) -> String {
        let Some(Change { joined, left, count }) = change else { return "-".to_owned() };
        let joined = joined.iter().map(|author| format!("+{}", author.name));
        let left = left.iter().map(|id| format!("-{id}"));
        joined.chain(left).chain([format!("={count}")]).collect::<Vec<_>>().join(" ")
    }

    /// A room and its time.
    struct Scene {
        room: RoomPresence,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self { room: RoomPresence::default(), now: Instant::now() }
        }

        fn after(&mut self, ms: u64) -> &mut Self {
            self.now += Duration::from_millis(ms);
            self
        }

        fn hear(&mut self, run: u64, words: &str) -> &mut Self {
            self.room.hear(NodeRun(run), Roster::of(people(words)), self.now);
            self
        }

        fn look(&mut self, here: &str) -> String {
            line(self.room.look(people(here), self.now).0)
        }

        fn who(&self, here: &str) -> String {
            let People { members, count } = self.room.people(people(here));
            let names = members.iter().map(|author| author.name.to_string());
            names.chain([format!("={count}")]).collect::<Vec<_>>().join(" ")
        }
    }

    #[test]
    fn who_comes_is_told_once_however_many_nodes_say_so() {
        let mut scene = Scene::new();
        assert_eq!(scene.look("ada bob"), "+ada +bob =2");
        assert_eq!(scene.look("ada bob"), "-");
        assert_eq!(scene.hear(1, "bob eve").look("ada bob"), "+eve =3");
        assert_eq!(scene.hear(2, "eve").look("ada"), "-", "Bob is on another node as well");
        assert_eq!(scene.who("ada"), "ada bob eve =3");
    }

    #[test]
    fn who_is_away_for_a_moment_has_not_left() {
        let mut scene = Scene::new();
        scene.look("ada bob");
        assert_eq!(scene.look("ada"), "-");
        assert_eq!(scene.who("ada"), "ada bob =2");
        assert_eq!(scene.after(1_999).look("ada"), "-");
        assert_eq!(scene.hear(1, "bob").look("ada"), "-", "Bob came back on another node");
        assert_eq!(scene.hear(1, "").look("ada"), "-");
        assert_eq!(scene.after(1_999).look("ada"), "-", "the grace began anew");
        assert_eq!(scene.after(1).look("ada"), "-bob =1");
        assert_eq!(scene.who("ada"), "ada =1");
        assert_eq!(scene.look("ada bob"), "+bob =2");
    }

    #[test]
    fn who_is_away_is_looked_for_again() {
        let mut scene = Scene::new();
        assert!(!scene.room.look(people("ada bob"), scene.now).1);
        assert!(scene.room.look(people("ada"), scene.now).1);
        scene.after(2_000);
        assert!(!scene.room.look(people("ada"), scene.now).1);
    }

    #[test]
    fn the_later_of_two_names_counts_wherever_it_is_said() {
        let mut scene = Scene::new();
        assert_eq!(scene.look("ada:Ada@1"), "+Ada =1");
        assert_eq!(scene.hear(1, "ada:Countess@5").look("ada:Ada@1"), "+Countess =1");
        assert_eq!(scene.hear(2, "ada:Augusta@3").look("ada:Ada@1"), "-");
        assert_eq!(scene.look("ada:Ada@1 ada:Lady@9"), "+Lady =1");
    }

    #[test]
    fn a_node_that_is_gone_takes_its_people_along_after_the_grace() {
        let mut scene = Scene::new();
        scene.hear(1, "bob").hear(2, "eve").look("ada");
        assert!(scene.room.forget(|run| run == NodeRun(2)));
        assert!(!scene.room.forget(|run| run == NodeRun(2)));
        assert_eq!(scene.look("ada"), "-");
        assert_eq!(scene.after(2_000).look("ada"), "-bob =2");
    }

    #[test]
    fn an_answer_replaces_what_was_heard_before_it_was_asked_for() {
        let mut scene = Scene::new();
        scene.hear(1, "bob").hear(2, "eve");
        let asked = scene.after(10).now;
        scene.after(10).hear(3, "joe");
        let told = |run, words| (NodeRun(run), Roster::of(people(words)));
        scene.room.learn(vec![told(1, "bob kim"), told(3, ""), told(4, "lea")], asked);
        assert_eq!(scene.who("ada"), "ada bob joe kim lea =5");
    }

    #[test]
    fn of_a_crowd_only_the_count_is_told_and_not_too_often() {
        let mut scene = Scene::new();
        let mut look = |count, ms| {
            scene.after(ms);
            let (change, again) = scene.room.look(many(count), scene.now);
            let told = change.map(|change| (change.joined.len(), change.left.len(), change.count));
            (told, again)
        };
        assert_eq!(look(PEOPLE_TOLD, 0), (Some((PEOPLE_TOLD, 0, PEOPLE_TOLD)), false));
        assert_eq!(look(PEOPLE_TOLD + 1, 0), (Some((0, 0, PEOPLE_TOLD + 1)), false));
        assert_eq!(look(PEOPLE_TOLD + 5, 4_999), (None, true));
        assert_eq!(look(PEOPLE_TOLD + 6, 1), (Some((0, 0, PEOPLE_TOLD + 6)), false));
        assert_eq!(look(PEOPLE_TOLD + 6, 9_000), (None, false));
        assert_eq!(look(3, 0), (Some((3, 0, 3)), false), "it is a crowd no more, and everyone is told");
        assert_eq!(look(3, 0), (None, false));
    }

    #[test]
    fn nodes_that_name_only_some_make_a_list_by_name_and_a_count() {
        let mut scene = Scene::new();
        let roster = Roster::of(many(1_000));
        assert_eq!((roster.people().len(), roster.count()), (PEOPLE_TOLD, 1_000));
        scene.room.hear(NodeRun(1), roster, scene.now);
        let People { members, count } = scene.room.people(people("a z"));
        assert_eq!((members.len(), count), (PEOPLE_TOLD, 1_002));
        assert_eq!(members[0].id.as_str(), "a");
        assert!(members.is_sorted_by(|a, b| a.name < b.name));
        let lying = Roster::told(many(300).into_values().collect(), 0);
        assert_eq!((lying.people().len(), lying.count()), (PEOPLE_TOLD, PEOPLE_TOLD));
    }
}
