//! Presence on several nodes, in virtual time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{
        model::{Author, NAMED_MAX, NodeInstance, Person, RoomName, Roster, UnixMs},
        ports::{NodeStatus, PresenceError, PresenceStore},
        presence::{
            participant::Participant,
            room_presence::{GRACE, RoomPresence},
            subscription::{PresenceEvent, PresenceSubscription},
            sync,
            tracker::{LEASE, PresenceTracker, RoomMembers, TYPING_PER_SECOND},
        },
        testing::FixedClock,
    },
    cluster::memory::presence::{MemoryPresence, MemoryPresenceCluster},
    sync::lock,
};

/// A store whose connection can be cut.
struct FlakyStore {
    store: MemoryPresence,
    down: Arc<Mutex<bool>>,
}

impl FlakyStore {
    fn reach(&self) -> Result<&MemoryPresence, PresenceError> {
        if *lock(&self.down) { Err(PresenceError(anyhow::anyhow!("it is cut off"))) } else { Ok(&self.store) }
    }
}

#[async_trait]
impl PresenceStore for FlakyStore {
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError> {
        self.reach()?.renew(status, lease).await
    }

    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError> {
        self.reach()?.nodes().await
    }

    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError> {
        self.reach()?.publish(rosters).await
    }

    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError> {
        self.reach()?.fetch(rooms).await
    }

    async fn withdraw(&self) -> Result<(), PresenceError> {
        self.reach()?.withdraw().await
    }

    fn publish_typing(&self, room: &RoomName, author: &Author) {
        if let Ok(store) = self.reach() {
            store.publish_typing(room, author);
        }
    }
}

/// A node's presence, and the means to end it.
struct Node {
    tracker: Arc<PresenceTracker>,
    down: Arc<Mutex<bool>>,
    stop: CancellationToken,
}

impl Node {
    fn start(all: &MemoryPresenceCluster, name: &str) -> Self {
        let (to_node, updates) = mpsc::channel(64);
        let down = Arc::<Mutex<bool>>::default();
        let store = FlakyStore { store: all.join(to_node), down: down.clone() };
        let node = name.parse().unwrap();
        let tracker = PresenceTracker::new(Arc::new(store), Arc::new(FixedClock), Arc::default(), node);
        let (tasks, stop) = (tokio_util::task::TaskTracker::new(), CancellationToken::new());
        tasks.spawn(tracker.clone().notify_members(stop.clone()));
        tasks.spawn(tracker.clone().receive_updates(updates, stop.clone()));
        tasks.spawn(sync::run(tracker.clone(), stop.clone()));
        Self { tracker, down, stop }
    }

    fn user(&self, name: &str) -> Participant {
        Participant::new(&self.tracker, author(name))
    }

    async fn who(&self, room: &str) -> String {
        let RoomMembers { list, complete } = self.tracker.members(&room.parse().unwrap()).await;
        let names = list.members.iter().map(|author| author.name.to_string());
        let rest = [format!("={}", list.count), if complete { "" } else { "?" }.to_owned()];
        names.chain(rest).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// Ends it as a kill would: what it published stays.
    fn kill(&self) {
        *lock(&self.down) = true;
        self.stop.cancel();
    }
}

fn author(name: &str) -> Author {
    Author { id: name.parse().unwrap(), name: name.parse().unwrap(), color: None }
}

fn red() -> RoomName {
    "red".parse().unwrap()
}

/// What a user was told so far.
fn told(user: &Participant) -> Vec<String> {
    let line = |event: Arc<PresenceEvent>| match &*event {
        PresenceEvent::Typing(room, author) => format!("{room}: {} types", author.name),
        PresenceEvent::Members(room, change) => {
            let joined = change.joined.iter().map(|author| format!("+{}", author.name));
            let left = change.left.iter().map(|id| format!("-{id}"));
            let all: Vec<_> = joined.chain(left).chain([format!("={}", change.count)]).collect();
            format!("{room}: {}", all.join(" "))
        }
    };
    std::iter::from_fn(|| futures_util::FutureExt::now_or_never(user.next_event())).map(line).collect()
}

async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn people_see_each_other_come_and_go_on_all_nodes() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, bob) = (one.user("ada"), two.user("bob"));
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
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, bob) = (one.user("ada"), two.user("bob"));
    let _ada_stays = ada.enter(&red());
    let bob_stays = bob.enter(&red());
    seconds(1.0).await;
    told(&ada);
    drop(bob_stays);
    seconds(1.0).await;
    let _bob_again = one.user("bob").enter(&red());
    seconds(10.0).await;
    assert_eq!(told(&ada), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_people_of_a_node_that_is_killed_leave_within_15_seconds() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.user("ada");
    let stays = [ada.enter(&red()), two.user("bob").enter(&red()), two.user("eve").enter(&red())];
    seconds(3.0).await;
    told(&ada);
    two.kill();
    seconds(6.0).await;
    assert_eq!(told(&ada), [""; 0], "it may only be slow");
    seconds(6.5).await;
    assert_eq!(told(&ada), ["red: -bob -eve =1"], "12 and a half seconds after");
    let nodes = one.tracker.nodes().await;
    assert_eq!(nodes.iter().map(|node| node.id.as_str()).collect::<Vec<_>>(), ["one"]);
    drop(stays);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_takes_its_word_back_at_once() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.user("ada");
    let stays = [ada.enter(&red()), two.user("bob").enter(&red())];
    seconds(3.0).await;
    told(&ada);
    two.stop.cancel();
    seconds(5.0).await;
    assert_eq!(told(&ada), ["red: -bob =1"]);
    drop(stays);
}

#[tokio::test(start_paused = true)]
async fn without_the_store_a_node_knows_its_own_and_the_others_come_back_with_it() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.user("ada");
    let _stays = [ada.enter(&red()), two.user("bob").enter(&red())];
    seconds(3.0).await;
    told(&ada);
    *lock(&one.down) = true;
    let _joe_stays = one.user("joe").enter(&red());
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
    let all = MemoryPresenceCluster::default();
    let one = Node::start(&all, "one");
    let two = all.join(mpsc::channel(1).0);
    let ada = one.user("ada");
    let _ada_stays = ada.enter(&red());
    let status = NodeStatus { id: "two".parse().unwrap(), sessions: 1, since: UnixMs(1) };
    two.renew(&status, Duration::from_secs(3_600)).await.unwrap();
    seconds(1.0).await;
    let bob = Person { author: author("bob"), since: UnixMs(1) };
    let red_has_bob = [(red(), Roster::new(vec![bob], 1))];
    two.publish(&red_has_bob).await.unwrap();
    // The update has arrived, and is dropped before anybody was told: as if it had been lost.
    seconds(0.01).await;
    lock(&one.tracker.state).rooms.get_mut(&red()).unwrap().presence = RoomPresence::default();
    seconds(1.0).await;
    assert!(!told(&ada).concat().contains("bob"));
    seconds(10.0).await;
    assert!(told(&ada).iter().any(|line| line.contains("+bob")));
}

#[tokio::test(start_paused = true)]
async fn who_is_renamed_is_told_to_be() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, bob) = (one.user("ada"), two.user("bob"));
    let _stays = [ada.enter(&red()), bob.enter(&red())];
    seconds(2.0).await;
    told(&bob);
    ada.rename(Author { name: "zoe".parse().unwrap(), ..author("ada") }, &[red()]);
    seconds(1.0).await;
    assert_eq!(told(&bob), ["red: +zoe =2"]);
    assert_eq!(one.who("red").await, "bob zoe =2");
}

#[tokio::test(start_paused = true)]
async fn who_types_is_told_to_the_others_and_not_too_often() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let (ada, again, bob) = (one.user("ada"), two.user("ada"), two.user("bob"));
    let _stays = [ada.enter(&red()), again.enter(&red()), bob.enter(&red())];
    seconds(2.0).await;
    for user in [&ada, &again, &bob] {
        told(user);
    }
    ada.publish_typing(&red());
    seconds(0.1).await;
    assert_eq!([&ada, &again, &bob].map(told), [vec![], vec![], vec!["red: ada types".to_owned()]]);
    for _ in 0..100 {
        ada.publish_typing(&red());
    }
    seconds(0.1).await;
    assert_eq!(told(&bob).len(), TYPING_PER_SECOND as usize - 1, "the clock stands still here");
    ada.publish_typing(&"elsewhere".parse().unwrap());
    assert_eq!(told(&bob), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_session_is_bounded() {
    let all = MemoryPresenceCluster::default();
    let one = Node::start(&all, "one");
    let ada = one.user("ada");
    let _ada_stays = ada.enter(&red());
    for n in 0..PresenceSubscription::EVENTS_MAX * 2 {
        let stay = one.user(&format!("p{n}")).enter(&red());
        seconds(1.0).await;
        drop(stay);
    }
    assert_eq!(told(&ada).len(), PresenceSubscription::EVENTS_MAX);
    assert!(0 < one.tracker.stats.presence_dropped.get());
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_counted_over_all_nodes() {
    let all = MemoryPresenceCluster::default();
    let (one, two) = (Node::start(&all, "one"), Node::start(&all, "two"));
    let ada = one.user("ada");
    let _ada_stays = ada.enter(&red());
    let someone = two.user("someone");
    let mut others: Vec<_> = (1..NAMED_MAX * 2).map(|n| two.user(&format!("p{n}")).enter(&red())).collect();
    others.push(someone.enter(&red()));
    seconds(20.0).await;
    someone.publish_typing(&red());
    seconds(1.0).await;
    assert_eq!(told(&ada).last().unwrap(), &format!("red: ={}", NAMED_MAX * 2 + 1));
    let who = one.tracker.members(&red()).await;
    assert_eq!((who.list.members.len(), who.list.count), (NAMED_MAX, NAMED_MAX * 2 + 1));
    drop(others);
    seconds(20.0).await;
    assert_eq!(told(&ada).last().unwrap(), "red: +ada =1", "everyone is told again");
    assert!(!lock(&two.tracker.state).rooms.contains_key(&red()), "and where nobody is, nothing is kept");
}
