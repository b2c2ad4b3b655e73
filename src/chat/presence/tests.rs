//! Rooms by hand: who comes and goes on which node, and what members are told.

use super::*;

/// `ada` is called Ada since 1; `ada:Countess@5` Countess, since 5.
fn person(word: &str) -> Person {
    let (id, rest) = word.split_once(':').unwrap_or((word, word));
    let (name, since) = rest.split_once('@').unwrap_or((rest, "1"));
    let author = Author { id: id.parse().unwrap(), name: name.parse().unwrap(), color: None };
    Person { author, since: UnixMs(since.parse().unwrap()) }
}

fn people(words: &str) -> Roster {
    let mut people = BTreeMap::new();
    words.split_whitespace().for_each(|word| add(&mut people, person(word)));
    let count = people.len();
    Roster::told(by_name(people.into_values()), count)
}

fn many(count: usize) -> Roster {
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
        self.room.hear(NodeRun(run), people(words), self.now);
        self
    }

    fn look(&mut self, here: &str) -> String {
        line(self.room.look(&people(here), self.now).0)
    }

    fn who(&mut self, here: &str) -> String {
        let People { members, count } = self.room.people(&people(here));
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
fn whom_an_answer_named_is_told_to_have_left() {
    let mut scene = Scene::new();
    scene.look("ada");
    assert_eq!(scene.hear(1, "bob").who("ada"), "ada bob =2");
    assert_eq!(scene.hear(1, "").look("ada"), "=2", "Bob may come back");
    assert_eq!(scene.who("ada"), "ada bob =2");
    assert_eq!(scene.after(2_000).look("ada"), "-bob =1");
    assert_eq!(scene.look("ada"), "-");
    assert_eq!(scene.hear(1, "eve").who("ada"), "ada eve =2");
    assert_eq!(scene.look("ada"), "+eve =2", "others have not asked");
}

#[test]
fn who_is_away_between_two_looks_is_in_the_answer() {
    let mut scene = Scene::new();
    assert_eq!(scene.hear(1, "bob").look("ada"), "+ada +bob =2");
    assert_eq!(scene.hear(1, "").who("ada"), "ada bob =2");
    assert_eq!(scene.hear(2, "bob").look("ada"), "-", "who asked knows of Bob");
}

#[test]
fn who_is_away_is_looked_for_again() {
    let mut scene = Scene::new();
    assert!(!scene.room.look(&people("ada bob"), scene.now).1);
    assert!(scene.room.look(&people("ada"), scene.now).1);
    scene.after(2_000);
    assert!(!scene.room.look(&people("ada"), scene.now).1);
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
    let told = |run, words| (NodeRun(run), people(words));
    scene.room.learn(vec![told(1, "bob kim"), told(3, ""), told(4, "lea")], asked);
    assert_eq!(scene.who("ada"), "ada bob joe kim lea =5");
}

#[test]
fn of_a_crowd_only_the_count_is_told_and_not_too_often() {
    let mut scene = Scene::new();
    let mut look = |count, ms| {
        scene.after(ms);
        let (change, again) = scene.room.look(&many(count), scene.now);
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
    let roster = many(1_000);
    assert_eq!((roster.people().len(), roster.count()), (PEOPLE_TOLD, 1_000));
    scene.room.hear(NodeRun(1), roster, scene.now);
    let People { members, count } = scene.room.people(&people("a z"));
    assert_eq!((members.len(), count), (PEOPLE_TOLD, 1_002));
    assert_eq!(members[0].id.as_str(), "a");
    assert!(members.is_sorted_by(|a, b| a.name < b.name));
    let lying = Roster::told((0..300).map(|n| person(&format!("p{n}"))).collect(), 0);
    assert_eq!((lying.people().len(), lying.count()), (PEOPLE_TOLD, PEOPLE_TOLD));
}

#[test]
fn whom_a_room_knew_before_it_became_a_crowd_is_counted_once() {
    let mut scene = Scene::new();
    let crowd = "zed ".to_owned() + &(0..300).map(|n| format!("p{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(scene.hear(1, "zed").look("ada"), "+ada +zed =2");
    // Zed is there still, but no longer among the first by name.
    assert!(scene.hear(1, &crowd).who("ada").ends_with(" =302"));
    assert_eq!(scene.look("ada"), "=302");
    assert_eq!(scene.hear(1, "").look(&crowd), "-", "not so soon again");
    assert_eq!(scene.after(5_000).look(&crowd), "=301");
}
