//! Scenes in one room: who comes and goes on which node, and what the members are told.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::chat::{
    model::{Author, NAMED_MAX, NodeInstance, Person, Roster, UnixMs, UserId},
    presence::room_presence::{MemberList, PresenceChange, RoomPresence},
};

/// `ada` has the name ada since 1; `ada:Countess@5` has the name Countess since 5.
fn person(word: &str) -> Person {
    let (id, rest) = word.split_once(':').unwrap_or((word, word));
    let (name, since) = rest.split_once('@').unwrap_or((rest, "1"));
    let author = Author { id: id.parse().unwrap(), name: name.parse().unwrap(), color: None };
    Person { author, since: UnixMs(since.parse().unwrap()) }
}

fn people(words: &str) -> Roster {
    let mut latest: BTreeMap<UserId, Person> = BTreeMap::new();
    for person in words.split_whitespace().map(person) {
        let known = latest.entry(person.author.id.clone()).or_insert_with(|| person.clone());
        if known.rank() < person.rank() {
            *known = person;
        }
    }
    let mut people: Vec<_> = latest.into_values().collect();
    people.sort_by_key(|person| (person.author.name.clone(), person.author.id.clone()));
    let count = people.len();
    Roster::new(people, count)
}

fn many(count: usize) -> Roster {
    people(&(0..count).map(|n| format!("p{n}")).collect::<Vec<_>>().join(" "))
}

fn line(change: Option<PresenceChange>) -> String {
    let Some(PresenceChange { joined, left, count }) = change else { return "-".to_owned() };
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

    fn update(&mut self, instance: u64, words: &str) -> &mut Self {
        self.room.update(NodeInstance(instance), people(words), self.now);
        self
    }

    fn change(&mut self, here: &str) -> String {
        line(self.room.next_change(&people(here), self.now).0)
    }

    fn members(&mut self, here: &str) -> String {
        let MemberList { members, count } = self.room.members(&people(here));
        let names = members.iter().map(|author| author.name.to_string());
        names.chain([format!("={count}")]).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn who_comes_is_told_once_however_many_nodes_say_so() {
    let mut scene = Scene::new();
    assert_eq!(scene.change("ada bob"), "+ada +bob =2");
    assert_eq!(scene.change("ada bob"), "-");
    assert_eq!(scene.update(1, "bob eve").change("ada bob"), "+eve =3");
    assert_eq!(scene.update(2, "eve").change("ada"), "-", "Bob is on another node as well");
    assert_eq!(scene.members("ada"), "ada bob eve =3");
}

#[test]
fn who_is_away_for_a_moment_has_not_left() {
    let mut scene = Scene::new();
    scene.change("ada bob");
    assert_eq!(scene.change("ada"), "-");
    assert_eq!(scene.members("ada"), "ada bob =2");
    assert_eq!(scene.after(1_999).change("ada"), "-");
    assert_eq!(scene.update(1, "bob").change("ada"), "-", "Bob came back on another node");
    assert_eq!(scene.update(1, "").change("ada"), "-");
    assert_eq!(scene.after(1_999).change("ada"), "-", "the grace period began again");
    assert_eq!(scene.after(1).change("ada"), "-bob =1");
    assert_eq!(scene.members("ada"), "ada =1");
    assert_eq!(scene.change("ada bob"), "+bob =2");
}

#[test]
fn whom_an_answer_named_is_told_to_have_left() {
    let mut scene = Scene::new();
    scene.change("ada");
    assert_eq!(scene.update(1, "bob").members("ada"), "ada bob =2");
    assert_eq!(scene.update(1, "").change("ada"), "=2", "Bob may come back");
    assert_eq!(scene.members("ada"), "ada bob =2");
    assert_eq!(scene.after(2_000).change("ada"), "-bob =1");
    assert_eq!(scene.change("ada"), "-");
    assert_eq!(scene.update(1, "eve").members("ada"), "ada eve =2");
    assert_eq!(scene.change("ada"), "+eve =2", "others have not asked");
}

#[test]
fn who_is_away_between_two_looks_is_in_the_answer() {
    let mut scene = Scene::new();
    assert_eq!(scene.update(1, "bob").change("ada"), "+ada +bob =2");
    assert_eq!(scene.update(1, "").members("ada"), "ada bob =2");
    assert_eq!(scene.update(2, "bob").change("ada"), "-", "who asked knows of Bob");
}

#[test]
fn who_is_away_is_looked_for_again() {
    let mut scene = Scene::new();
    assert!(!scene.room.next_change(&people("ada bob"), scene.now).1);
    assert!(scene.room.next_change(&people("ada"), scene.now).1);
    scene.after(2_000);
    assert!(!scene.room.next_change(&people("ada"), scene.now).1);
}

#[test]
fn the_later_of_two_names_counts_wherever_it_is_said() {
    let mut scene = Scene::new();
    assert_eq!(scene.change("ada:Ada@1"), "+Ada =1");
    assert_eq!(scene.update(1, "ada:Countess@5").change("ada:Ada@1"), "+Countess =1");
    assert_eq!(scene.update(2, "ada:Augusta@3").change("ada:Ada@1"), "-");
    assert_eq!(scene.change("ada:Ada@1 ada:Lady@9"), "+Lady =1");
}

#[test]
fn a_node_that_is_gone_takes_its_people_along_after_the_grace() {
    let mut scene = Scene::new();
    scene.update(1, "bob").update(2, "eve").change("ada");
    assert!(scene.room.retain_nodes(|instance| instance == NodeInstance(2)));
    assert!(!scene.room.retain_nodes(|instance| instance == NodeInstance(2)));
    assert_eq!(scene.change("ada"), "-");
    assert_eq!(scene.after(2_000).change("ada"), "-bob =2");
}

#[test]
fn an_answer_replaces_what_was_heard_before_it_was_asked_for() {
    let mut scene = Scene::new();
    scene.update(1, "bob").update(2, "eve");
    let fetched_at = scene.after(10).now;
    scene.after(10).update(3, "joe");
    let roster = |instance, words| (NodeInstance(instance), people(words));
    scene.room.replace(vec![roster(1, "bob kim"), roster(3, ""), roster(4, "lea")], fetched_at);
    assert_eq!(scene.members("ada"), "ada bob joe kim lea =5");
}

#[test]
fn of_a_crowd_only_the_count_is_told_and_not_too_often() {
    let mut scene = Scene::new();
    let mut change = |count, ms| {
        scene.after(ms);
        let (change, again) = scene.room.next_change(&many(count), scene.now);
        let told = change.map(|change| (change.joined.len(), change.left.len(), change.count));
        (told, again)
    };
    assert_eq!(change(NAMED_MAX, 0), (Some((NAMED_MAX, 0, NAMED_MAX)), false));
    assert_eq!(change(NAMED_MAX + 1, 0), (Some((0, 0, NAMED_MAX + 1)), false));
    assert_eq!(change(NAMED_MAX + 5, 4_999), (None, true));
    assert_eq!(change(NAMED_MAX + 6, 1), (Some((0, 0, NAMED_MAX + 6)), false));
    assert_eq!(change(NAMED_MAX + 6, 9_000), (None, false));
    assert_eq!(change(3, 0), (Some((3, 0, 3)), false), "the room is small again, and everyone is told");
    assert_eq!(change(3, 0), (None, false));
}

#[test]
fn nodes_that_name_only_some_make_a_list_by_name_and_a_count() {
    let mut scene = Scene::new();
    let roster = many(1_000);
    assert_eq!((roster.people().len(), roster.count()), (NAMED_MAX, 1_000));
    scene.room.update(NodeInstance(1), roster, scene.now);
    let MemberList { members, count } = scene.room.members(&people("a z"));
    assert_eq!((members.len(), count), (NAMED_MAX, 1_002));
    assert_eq!(members[0].id.as_str(), "a");
    assert!(members.is_sorted_by(|a, b| a.name < b.name));
    let lying = Roster::new((0..300).map(|n| person(&format!("p{n}"))).collect(), 0);
    assert_eq!((lying.people().len(), lying.count()), (NAMED_MAX, NAMED_MAX));
}

#[test]
fn whom_a_room_knew_before_it_became_a_crowd_is_counted_once() {
    let mut scene = Scene::new();
    let large = "zed ".to_owned() + &(0..300).map(|n| format!("p{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(scene.update(1, "zed").change("ada"), "+ada +zed =2");
    // Zed is there still, but no longer among the first by name.
    assert!(scene.update(1, &large).members("ada").ends_with(" =302"));
    assert_eq!(scene.change("ada"), "=302");
    assert_eq!(scene.update(1, "").change(&large), "-", "not so soon again");
    assert_eq!(scene.after(5_000).change(&large), "=301");
}
