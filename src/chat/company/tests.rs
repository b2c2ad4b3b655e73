//! The people of several nodes, in virtual time.

use async_trait::async_trait;

use super::*;
use crate::{
    chat::{
        ports::PresenceError,
        presence::{GRACE, PEOPLE_TOLD, Person},
        testing::FixedClock,
    },
    cluster::memory::presence::{MemoryPlace, MemoryPresence},
};

/// A store that can be cut off.
struct Fickle {
    place: MemoryPlace,
    down: Arc<Mutex<bool>>,
}

impl Fickle {
    fn there(&self) -> Result<&MemoryPlace, PresenceError> {
        if *lock(&self.down) { Err(PresenceError(anyhow::anyhow!("it is cut off"))) } else { Ok(&self.place) }
    }
}

#[async_trait]
impl PresenceStore for Fickle {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        self.there()?.renew(status, lease).await
    }

    async fn nodes(&self) -> Result<Vec<(NodeRun, NodeStatus)>, PresenceError> {
        self.there()?.nodes().await
    }

    async fn tell(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        self.there()?.tell(rosters).await
    }

    async fn ask(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeRun, Roster)>>, PresenceError> {
        self.there()?.ask(rooms).await
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        self.there()?.withdraw().await
    }

    fn type_in(&self, room: &RoomName, author: &Author) {
        if let Ok(place) = self.there() {
            place.type_in(room, author);
        }
    }
}

/// A node's people, and how it ends.
struct Node {
    company: Arc<Company>,
    down: Arc<Mutex<bool>>,
    stop: CancellationToken,
}

impl Node {
    fn start(all: &MemoryPresence, name: &str) -> Self {
        let (to_node, whispers) = mpsc::channel(64);
        let down = Arc::<Mutex<bool>>::default();
        let store = Fickle { place: all.join(to_node), down: down.clone() };
        let node = name.parse().unwrap();
        let company = Company::new(Arc::new(store), Arc::new(FixedClock), Arc::default(), node);
        let (tasks, stop) = (tokio_util::task::TaskTracker::new(), CancellationToken::new());
        tasks.spawn(company.clone().show(stop.clone()));
        tasks.spawn(company.clone().listen(whispers, stop.clone()));
        tasks.spawn(company.clone().keep(stop.clone()));
        Self { company, down, stop }
    }

    fn ear(&self, name: &str) -> Arc<Ear> {
        let author = Author { id: name.parse().unwrap(), name: name.parse().unwrap(), color: None };
        Ear::new(&self.company, author)
    }

    async fn who(&self, room: &str) -> String {
        let Who { people, complete } = self.company.who(&room.parse().unwrap()).await;
        let names = people.members.iter().map(|author| author.name.to_string());
        let rest = [format!("={}", people.count), if complete { "" } else { "?" }.to_owned()];
        names.chain(rest).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// Ends it without a word, as a kill would: nothing it said is taken back.
    fn kill(&self) {
        *lock(&self.down) = true;
        self.stop.cancel();
    }
}

fn red() -> RoomName {
    "red".parse().unwrap()
}

/// What an ear was told so far.
fn told(ear: &Ear) -> Vec<String> {
    let line = |news: Arc<News>| match &*news {
        News::Typing(room, author) => format!("{room}: {} types", author.name),
        News::People(room, change) => {
            let joined = change.joined.iter().map(|author| format!("+{}", author.name));
            let left = change.left.iter().map(|id| format!("-{id}"));
            let all: Vec<_> = joined.chain(left).chain([format!("={}", change.count)]).collect();
            format!("{room}: {}", all.join(" "))
        }
    };
    std::iter::from_fn(|| futures_util::FutureExt::now_or_never(ear.next())).map(line).collect()
}

async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn people_see_each_other_come_and_go_on_all_nodes() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, bob) = (one.ear("ada"), two.ear("bob"));
    let _ada_stays = ada.enter(&red());
    seconds(1.0).await;
    assert_eq!(told(&ada), ["red: +ada =1"]);
    let bob_stays = bob.enter(&red());
    seconds(1.0).await;
    assert_eq!(told(&ada), ["red: +bob =2"]);
    assert!(told(&bob).concat().contains("+ada"));
    assert_eq!((one.who("red").await, two.who("red").await), ("ada bob =2".into(), "ada bob =2".into()));
    assert_eq!(one.who("elsewhere").await, "=0");

    drop(bob_stays);
    seconds(GRACE.as_secs_f64() - 0.5).await;
    assert_eq!(told(&ada), [""; 0], "he may come back");
    seconds(1.5).await;
    assert_eq!(told(&ada), ["red: -bob =1"]);
    assert_eq!(two.who("red").await, "ada =1", "asked for: nobody there is in it");
}

#[tokio::test(start_paused = true)]
async fn who_moves_to_another_node_never_left() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, bob) = (one.ear("ada"), two.ear("bob"));
    let _ada_stays = ada.enter(&red());
    let bob_stays = bob.enter(&red());
    seconds(1.0).await;
    told(&ada);
    drop(bob_stays);
    seconds(1.0).await;
    let _bob_again = one.ear("bob").enter(&red());
    seconds(10.0).await;
    assert_eq!(told(&ada), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_people_of_a_node_that_is_killed_leave_within_15_seconds() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.ear("ada");
    let stays = [ada.enter(&red()), two.ear("bob").enter(&red()), two.ear("eve").enter(&red())];
    seconds(3.0).await;
    told(&ada);
    two.kill();
    seconds(6.0).await;
    assert_eq!(told(&ada), [""; 0], "it may only be slow");
    seconds(6.5).await;
    assert_eq!(told(&ada), ["red: -bob -eve =1"], "12 and a half seconds after");
    let nodes = one.company.nodes().await;
    assert_eq!(nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["one"]);
    drop(stays);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_takes_its_word_back_at_once() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.ear("ada");
    let stays = [ada.enter(&red()), two.ear("bob").enter(&red())];
    seconds(3.0).await;
    told(&ada);
    two.stop.cancel();
    seconds(5.0).await;
    assert_eq!(told(&ada), ["red: -bob =1"]);
    drop(stays);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_a_node_knows_its_own_and_the_others_come_back_with_it() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.ear("ada");
    let _stays = [ada.enter(&red()), two.ear("bob").enter(&red())];
    seconds(3.0).await;
    told(&ada);
    *lock(&one.down) = true;
    let _joe_stays = one.ear("joe").enter(&red());
    seconds(LEASE.as_secs_f64() + 6.0).await;
    assert_eq!(told(&ada), ["red: +joe =3", "red: -bob =2"]);
    assert_eq!(one.who("red").await, "ada joe =2 ?");
    assert_eq!(one.who("elsewhere").await, "=0 ?");
    assert_eq!(two.who("red").await, "bob =1", "its lease is over");

    *lock(&one.down) = false;
    seconds(5.0).await;
    assert_eq!(told(&ada), ["red: +bob =3"]);
    assert_eq!(
        (one.who("red").await, two.who("red").await),
        ("ada bob joe =3".into(), "ada bob joe =3".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_whisper_is_made_good() {
    let all = MemoryPresence::default();
    let one = Node::start(&all, "one");
    let two = all.join(mpsc::channel(1).0);
    let ada = one.ear("ada");
    let _ada_stays = ada.enter(&red());
    let status = NodeStatus { id: "two".parse().unwrap(), sessions: 1, since: UnixMs(1) };
    two.renew(&status, Duration::from_secs(3_600)).await.unwrap();
    seconds(1.0).await;
    let bob = Person { author: one.ear("bob").person().author, since: UnixMs(1) };
    let red_has_bob = [(red(), Roster::told(vec![bob], 1))];
    two.tell(&red_has_bob).await.unwrap();
    // It was heard, and is forgotten before anybody was told: as if it had not come.
    seconds(0.01).await;
    lock(&one.company.state).rooms.get_mut(&red()).unwrap().presence = RoomPresence::default();
    seconds(1.0).await;
    assert!(!told(&ada).concat().contains("bob"));
    seconds(10.0).await;
    assert!(told(&ada).iter().any(|news| news.contains("+bob")));
}

#[tokio::test(start_paused = true)]
async fn who_is_renamed_is_told_to_be() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, bob) = (one.ear("ada"), two.ear("bob"));
    let _stays = [ada.enter(&red()), bob.enter(&red())];
    seconds(2.0).await;
    told(&bob);
    ada.rename(Author { name: "zoe".parse().unwrap(), ..ada.person().author }, &[red()]);
    seconds(1.0).await;
    assert_eq!(told(&bob), ["red: +zoe =2"]);
    assert_eq!(one.who("red").await, "bob zoe =2");
}

#[tokio::test(start_paused = true)]
async fn who_types_is_told_to_the_others_and_not_too_often() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, again, bob) = (one.ear("ada"), two.ear("ada"), two.ear("bob"));
    let _stays = [ada.enter(&red()), again.enter(&red()), bob.enter(&red())];
    seconds(2.0).await;
    for ear in [&ada, &again, &bob] {
        told(ear);
    }
    ada.type_in(&red());
    seconds(0.1).await;
    assert_eq!(
        [&ada, &again, &bob].map(|ear| told(ear)),
        [vec![], vec![], vec!["red: ada types".to_owned()]]
    );
    for _ in 0..100 {
        ada.type_in(&red());
    }
    seconds(0.1).await;
    assert_eq!(told(&bob).len(), TYPING_PER_SECOND as usize - 1, "the clock stands still here");
    ada.type_in(&"elsewhere".parse().unwrap());
    assert_eq!(told(&bob), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_session_is_bounded() {
    let all = MemoryPresence::default();
    let one = Node::start(&all, "one");
    let ada = one.ear("ada");
    let _ada_stays = ada.enter(&red());
    for n in 0..Ear::NEWS_MAX * 2 {
        let stay = one.ear(&format!("p{n}")).enter(&red());
        seconds(1.0).await;
        drop(stay);
    }
    assert_eq!(told(&ada).len(), Ear::NEWS_MAX);
    assert!(0 < one.company.stats.news_dropped.get());
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_counted_over_all_nodes() {
    let all = MemoryPresence::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.ear("ada");
    let _ada_stays = ada.enter(&red());
    let someone = two.ear("someone");
    let mut crowd: Vec<_> = (1..PEOPLE_TOLD * 2).map(|n| two.ear(&format!("p{n}")).enter(&red())).collect();
    crowd.push(someone.enter(&red()));
    seconds(20.0).await;
    someone.type_in(&red());
    seconds(1.0).await;
    assert_eq!(told(&ada).last().unwrap(), &format!("red: ={}", PEOPLE_TOLD * 2 + 1));
    let who = one.company.who(&red()).await;
    assert_eq!((who.people.members.len(), who.people.count), (PEOPLE_TOLD, PEOPLE_TOLD * 2 + 1));
    drop(crowd);
    seconds(20.0).await;
    assert_eq!(told(&ada).last().unwrap(), "red: +ada =1", "everyone is told again");
    assert!(!lock(&two.company.state).rooms.contains_key(&red()), "and where nobody is, nothing is kept");
}
