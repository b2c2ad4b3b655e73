//! What every store of presence promises, as checks that each implementation runs: in memory, and over a real Redis.

use std::{sync::Arc, time::Duration};

use chorus::{
    chat::{
        model::{Author, Epoch, Person, RoomName, Roster, UnixMs},
        ports::{ClusterBus, NodeStatus, PresenceStore, PresenceUpdate, PresenceUpdateKind},
    },
    cluster::{
        memory::bus::presence::MemoryPresenceCluster,
        redis::bus::{BusSenders, RedisBus},
    },
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::common::{redis::RedisServer, until, until_async, within};

/// Long enough for any check.
const LONG: Duration = Duration::from_secs(60);

/// One node's way to a store, and what it hears.
struct Node {
    store: Arc<dyn PresenceStore>,
    presence_updates: mpsc::Receiver<PresenceUpdate>,
    status: NodeStatus,
    /// Stops what runs for it.
    _stop: tokio_util::sync::DropGuard,
}

impl Node {
    async fn renew(&self, lease: Duration) -> bool {
        self.store.renew(&self.status, lease).await.unwrap()
    }

    async fn tell(&self, room: &str, names: &[&str]) {
        self.store.tell(&[(room.parse().unwrap(), roster(names))]).await.unwrap();
    }

    /// Who the others say is in a room.
    async fn ask(&self, room: &str) -> Vec<String> {
        let answers = self.store.ask(&[room.parse().unwrap()]).await.unwrap();
        assert_eq!(answers.len(), 1);
        answers[0].iter().flat_map(|(_, roster)| names(roster)).collect()
    }

    async fn nodes(&self) -> Vec<String> {
        let nodes = self.store.nodes().await.unwrap();
        nodes.iter().map(|(_, status)| status.id.to_string()).collect()
    }

    async fn hears(&mut self) -> (RoomName, PresenceUpdateKind) {
        let whisper = within("a whisper comes", self.presence_updates.recv()).await.unwrap();
        (whisper.room, whisper.said)
    }
}

fn author(name: &str) -> Author {
    Author { id: name.to_lowercase().parse().unwrap(), name: name.parse().unwrap(), color: None }
}

fn roster(names: &[&str]) -> Roster {
    let people = names.iter().map(|name| Person { author: author(name), since: UnixMs(7) });
    Roster::told(people.collect(), names.len())
}

fn names(roster: &Roster) -> Vec<String> {
    roster.people().iter().map(|person| person.author.name.to_string()).collect()
}

fn status(name: &str) -> NodeStatus {
    NodeStatus { id: name.parse().unwrap(), sessions: 3, since: UnixMs(1_790_000_000_000) }
}

/// Nodes of one store, two of them, both of whom listen to the room `red`.
async fn in_memory() -> ([Node; 2], Option<RedisServer>) {
    let all = MemoryPresenceCluster::default();
    let node = |name: &str| {
        let (to_node, presence_updates) = mpsc::channel(64);
        let store = Arc::new(all.join(to_node));
        Node { store, presence_updates, status: status(name), _stop: CancellationToken::new().drop_guard() }
    };
    (["one", "two"].map(node), None)
}

async fn over_redis() -> ([Node; 2], Option<RedisServer>) {
    let server = RedisServer::started().await;
    let start = async |name: &str| {
        let (hints, _) = mpsc::channel(64);
        let (to_node, presence_updates) = mpsc::channel(64);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let ears = BusSenders { hints, presence_updates: to_node };
        let (id, epoch) = (name.parse().unwrap(), Epoch::from_random(1));
        let started = RedisBus::start(&server.settings(), &id, epoch, &[7; 32], ears, &tracker, stop.clone());
        let (bus, store) = started.unwrap();
        bus.subscribe(&"red".parse().unwrap());
        until("the bus is up", || bus.is_up()).await;
        Node { store, presence_updates, status: status(name), _stop: stop.drop_guard() }
    };
    ([start("one").await, start("two").await], Some(server))
}

/// Makes each check a test of both stores.
macro_rules! tests {
    ($($check:ident)*) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $check() {
                    let (nodes, _keep) = super::in_memory().await;
                    super::$check(nodes).await;
                }
            )*
        }
        mod redis {
            $(
                #[tokio::test]
                async fn $check() {
                    let (nodes, _keep) = super::over_redis().await;
                    super::$check(nodes).await;
                }
            )*
        }
    };
}

tests! {
    what_one_node_tells_the_others_may_ask_for_and_hear
    who_types_is_whispered_to_the_others
    a_node_is_there_while_its_lease_holds
    what_a_node_said_goes_with_its_lease
    a_node_that_withdraws_is_gone_at_once
    a_whole_roster_crosses
}

async fn what_one_node_tells_the_others_may_ask_for_and_hear([one, mut two]: [Node; 2]) {
    one.renew(LONG).await;
    one.tell("red", &["Ada", "Bob"]).await;
    one.tell("blue", &["Eve"]).await;
    assert_eq!(two.ask("red").await, ["Ada", "Bob"]);
    assert_eq!(two.ask("nowhere").await, [""; 0]);
    assert_eq!(one.ask("red").await, [""; 0], "its own people it knows");
    let both = two.store.ask(&["blue", "red"].map(|room| room.parse().unwrap())).await.unwrap();
    assert_eq!(both.iter().map(|of| names(&of[0].1).concat()).collect::<Vec<_>>(), ["Eve", "AdaBob"]);
    assert_eq!(
        two.hears().await,
        ("red".parse().unwrap(), PresenceUpdateKind::Roster(roster(&["Ada", "Bob"])))
    );

    one.tell("red", &["Bob"]).await;
    one.tell("red", &[]).await;
    assert_eq!(two.ask("red").await, [""; 0]);
    let mut heard = Vec::new();
    while heard.len() < 2 {
        if let (room, PresenceUpdateKind::Roster(roster)) = two.hears().await
            && room.as_str() == "red"
        {
            heard.push(names(&roster));
        }
    }
    assert_eq!(heard, [vec!["Bob"], vec![]]);
}

async fn who_types_is_whispered_to_the_others([mut one, mut two]: [Node; 2]) {
    let red: RoomName = "red".parse().unwrap();
    one.store.type_in(&red, &author("Ada"));
    assert_eq!(two.hears().await, (red.clone(), PresenceUpdateKind::Typing(author("Ada"))));
    two.store.type_in(&red, &author("Bob"));
    assert_eq!(one.hears().await, (red, PresenceUpdateKind::Typing(author("Bob"))), "and not one's own");
}

async fn a_node_is_there_while_its_lease_holds([one, two]: [Node; 2]) {
    assert_eq!(two.nodes().await, [""; 0]);
    assert!(!one.renew(Duration::from_millis(300)).await, "there was none");
    assert!(one.renew(LONG).await);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(two.store.nodes().await.unwrap()[0].1, one.status);
    assert_eq!(one.nodes().await, [""; 0], "the others");
    two.renew(LONG).await;
    assert_eq!(one.nodes().await, ["two"]);
    assert!(one.renew(Duration::from_millis(50)).await);
    until_async("the lease is over", async || two.nodes().await.is_empty()).await;
    assert!(!one.renew(LONG).await);
    assert_eq!(two.nodes().await, ["one"]);
}

async fn what_a_node_said_goes_with_its_lease([one, two]: [Node; 2]) {
    one.renew(Duration::from_millis(100)).await;
    one.tell("red", &["Ada"]).await;
    until_async("the lease is over", async || two.ask("red").await.is_empty()).await;
    assert!(!one.renew(LONG).await, "so that it tells all anew");
    assert_eq!(two.ask("red").await, [""; 0]);
}

async fn a_node_that_withdraws_is_gone_at_once([one, two]: [Node; 2]) {
    one.renew(LONG).await;
    one.tell("red", &["Ada"]).await;
    one.store.withdraw().await.unwrap();
    assert_eq!((two.nodes().await, two.ask("red").await), (vec![], vec![]));
}

async fn a_whole_roster_crosses([one, two]: [Node; 2]) {
    let people: Vec<_> = (0..200).map(|n| format!("{n:03}{}", "é".repeat(30))).collect();
    let person = |name: &String| Person {
        author: Author { id: format!("u{}", &name[..3]).parse().unwrap(), ..author_named(name) },
        since: UnixMs(u64::MAX),
    };
    let roster = Roster::told(people.iter().map(person).collect(), 5_000);
    one.renew(LONG).await;
    one.store.tell(&[("red".parse().unwrap(), roster.clone())]).await.unwrap();
    let answers = two.store.ask(&["red".parse().unwrap()]).await.unwrap();
    assert_eq!(answers[0][0].1, roster);
}

fn author_named(name: &str) -> Author {
    Author { id: "u".parse().unwrap(), name: name.parse().unwrap(), color: None }
}

#[tokio::test]
async fn what_redis_lost_is_noticed_and_what_is_not_there_cannot_be_asked() {
    let ([one, two], server) = over_redis().await;
    let mut server = server.unwrap();
    assert!(!one.renew(LONG).await);
    one.tell("red", &["Ada"]).await;
    let mut client = server.client().await;
    ::redis::cmd("FLUSHALL").exec_async(&mut client).await.unwrap();
    // What is told after that does not hide the loss.
    one.tell("blue", &["Ada"]).await;
    assert!(!one.renew(LONG).await);
    assert!(one.renew(LONG).await);

    let red: RoomName = "red".parse().unwrap();
    let forged =
        ::redis::cmd("KEYS").arg("*presence:*").query_async::<Vec<String>>(&mut client).await.unwrap();
    for key in forged.iter().filter(|key| !key.ends_with("nodes")) {
        ::redis::cmd("HSET").arg(key).arg("red").arg("nonsense").exec_async(&mut client).await.unwrap();
    }
    assert_eq!(two.ask("red").await, [""; 0], "what is not sealed is not believed");

    server.kill();
    assert!(two.store.ask(&[red]).await.is_err());
    assert!(two.store.nodes().await.is_err());
    assert!(one.store.renew(&one.status, LONG).await.is_err());
    server.start().await;
    until_async("Redis is found again", async || one.store.renew(&one.status, LONG).await.is_ok()).await;
    assert_eq!(two.nodes().await, ["one"]);
}
