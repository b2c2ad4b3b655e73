//! The contract of `PresenceStore`, as checks that each implementation passes: in memory, and over a real Redis.

use std::{sync::Arc, time::Duration};

use chorus::{
    chat::{
        model::{Author, Epoch, Person, RoomName, Roster, UnixMs},
        ports::{ClusterBus, NodeStatus, PresenceStore, PresenceUpdate, PresenceUpdateKind},
    },
    cluster::{
        memory::presence::MemoryPresenceCluster,
        redis::{
            bus::{RedisBus, RedisParts},
            subscriber::BusSenders,
        },
    },
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::common::{redis::RedisServer, until, until_async, within};

/// Long enough for any check.
const LONG: Duration = Duration::from_secs(60);

/// One node's handle to a store, and the updates that it receives.
struct Node {
    store: Arc<dyn PresenceStore>,
    updates: mpsc::Receiver<PresenceUpdate>,
    status: NodeStatus,
    /// Stops its tasks when it is dropped.
    _stop: tokio_util::sync::DropGuard,
}

impl Node {
    async fn renew(&self, lease: Duration) -> bool {
        self.store.renew(&self.status, lease).await.unwrap()
    }

    async fn publish(&self, room: &str, names: &[&str]) {
        self.store.publish(&[(room.parse().unwrap(), roster(names))]).await.unwrap();
    }

    /// The names that the other nodes have published for a room.
    async fn fetch(&self, room: &str) -> Vec<String> {
        let rosters = self.store.fetch(&[room.parse().unwrap()]).await.unwrap();
        assert_eq!(rosters.len(), 1);
        rosters[0].iter().flat_map(|(_, roster)| names(roster)).collect()
    }

    async fn nodes(&self) -> Vec<String> {
        let nodes = self.store.nodes().await.unwrap();
        nodes.iter().map(|(_, status)| status.id.to_string()).collect()
    }

    async fn next_update(&mut self) -> (RoomName, PresenceUpdateKind) {
        let update = within("an update comes", self.updates.recv()).await.unwrap();
        (update.room, update.kind)
    }
}

fn author(name: &str) -> Author {
    Author { id: name.to_lowercase().parse().unwrap(), name: name.parse().unwrap(), color: None }
}

fn roster(names: &[&str]) -> Roster {
    let people = names.iter().map(|name| Person { author: author(name), since: UnixMs(7) });
    Roster::new(people.collect(), names.len())
}

fn names(roster: &Roster) -> Vec<String> {
    roster.people().iter().map(|person| person.author.name.to_string()).collect()
}

fn status(name: &str) -> NodeStatus {
    NodeStatus { id: name.parse().unwrap(), sessions: 3, since: UnixMs(1_790_000_000_000) }
}

/// Two nodes of one store, both subscribed to the room `red`.
async fn in_memory() -> ([Node; 2], Option<RedisServer>) {
    let all = MemoryPresenceCluster::default();
    let node = |name: &str| {
        let (to_node, updates) = mpsc::channel(64);
        let store = Arc::new(all.join(to_node));
        Node { store, updates, status: status(name), _stop: CancellationToken::new().drop_guard() }
    };
    (["one", "two"].map(node), None)
}

/// The same over a Redis server.
async fn over_redis() -> ([Node; 2], Option<RedisServer>) {
    let server = RedisServer::started().await;
    let start = async |name: &str| {
        let (hints, _) = mpsc::channel(64);
        let (to_node, updates) = mpsc::channel(64);
        let stop = CancellationToken::new();
        let parts = RedisParts {
            node: name.parse().unwrap(),
            epoch: Epoch::from_random(1),
            log_key: &[7; 32],
            senders: BusSenders { hints, presence_updates: to_node },
            tracker: &TaskTracker::new(),
            stop: stop.clone(),
        };
        let (bus, store) = RedisBus::start(&server.settings(), parts).unwrap();
        bus.subscribe(&"red".parse().unwrap());
        until("the bus is up", || bus.is_up()).await;
        Node { store, updates, status: status(name), _stop: stop.drop_guard() }
    };
    ([start("one").await, start("two").await], Some(server))
}

/// Makes each check a test of either store.
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
    one.publish("red", &["Ada", "Bob"]).await;
    one.publish("blue", &["Eve"]).await;
    assert_eq!(two.fetch("red").await, ["Ada", "Bob"]);
    assert_eq!(two.fetch("nowhere").await, [""; 0]);
    assert_eq!(one.fetch("red").await, [""; 0], "it knows its own members");
    let both = two.store.fetch(&["blue", "red"].map(|room| room.parse().unwrap())).await.unwrap();
    assert_eq!(
        both.iter().map(|rosters| names(&rosters[0].1).concat()).collect::<Vec<_>>(),
        ["Eve", "AdaBob"]
    );
    assert_eq!(
        two.next_update().await,
        ("red".parse().unwrap(), PresenceUpdateKind::Roster(roster(&["Ada", "Bob"])))
    );

    one.publish("red", &["Bob"]).await;
    one.publish("red", &[]).await;
    assert_eq!(two.fetch("red").await, [""; 0]);
    let mut received = Vec::new();
    while received.len() < 2 {
        if let (room, PresenceUpdateKind::Roster(roster)) = two.next_update().await
            && room.as_str() == "red"
        {
            received.push(names(&roster));
        }
    }
    assert_eq!(received, [vec!["Bob"], vec![]]);
}

async fn who_types_is_whispered_to_the_others([mut one, mut two]: [Node; 2]) {
    let red: RoomName = "red".parse().unwrap();
    one.store.publish_typing(&red, &author("Ada"));
    assert_eq!(two.next_update().await, (red.clone(), PresenceUpdateKind::Typing(author("Ada"))));
    two.store.publish_typing(&red, &author("Bob"));
    assert_eq!(one.next_update().await, (red, PresenceUpdateKind::Typing(author("Bob"))), "and not its own");
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
    one.publish("red", &["Ada"]).await;
    until_async("the lease is over", async || two.fetch("red").await.is_empty()).await;
    assert!(!one.renew(LONG).await, "so that it publishes everything again");
    assert_eq!(two.fetch("red").await, [""; 0]);
}

async fn a_node_that_withdraws_is_gone_at_once([one, two]: [Node; 2]) {
    one.renew(LONG).await;
    one.publish("red", &["Ada"]).await;
    one.store.withdraw().await.unwrap();
    assert_eq!((two.nodes().await, two.fetch("red").await), (vec![], vec![]));
}

async fn a_whole_roster_crosses([one, two]: [Node; 2]) {
    let people: Vec<_> = (0..200).map(|n| format!("{n:03}{}", "é".repeat(30))).collect();
    let person = |name: &String| Person {
        author: Author { id: format!("u{}", &name[..3]).parse().unwrap(), ..author_named(name) },
        since: UnixMs(u64::MAX),
    };
    let roster = Roster::new(people.iter().map(person).collect(), 5_000);
    one.renew(LONG).await;
    one.store.publish(&[("red".parse().unwrap(), roster.clone())]).await.unwrap();
    let fetched = two.store.fetch(&["red".parse().unwrap()]).await.unwrap();
    assert_eq!(fetched[0][0].1, roster);
}

fn author_named(name: &str) -> Author {
    Author { id: "u".parse().unwrap(), name: name.parse().unwrap(), color: None }
}

#[tokio::test]
async fn what_redis_lost_is_noticed_and_what_is_not_there_cannot_be_asked() {
    let ([one, two], server) = over_redis().await;
    let mut server = server.unwrap();
    assert!(!one.renew(LONG).await);
    one.publish("red", &["Ada"]).await;
    let mut client = server.client().await;
    ::redis::cmd("FLUSHALL").exec_async(&mut client).await.unwrap();
    // Publishing after that does not hide the loss.
    one.publish("blue", &["Ada"]).await;
    assert!(!one.renew(LONG).await);
    assert!(one.renew(LONG).await);

    let red: RoomName = "red".parse().unwrap();
    let forged =
        ::redis::cmd("KEYS").arg("*presence:*").query_async::<Vec<String>>(&mut client).await.unwrap();
    for key in forged.iter().filter(|key| !key.ends_with("nodes")) {
        ::redis::cmd("HSET").arg(key).arg("red").arg("nonsense").exec_async(&mut client).await.unwrap();
    }
    assert_eq!(two.fetch("red").await, [""; 0], "an entry without a valid seal is ignored");

    server.kill();
    assert!(two.store.fetch(&[red]).await.is_err());
    assert!(two.store.nodes().await.is_err());
    assert!(one.store.renew(&one.status, LONG).await.is_err());
    server.start().await;
    until_async("Redis is found again", async || one.store.renew(&one.status, LONG).await.is_ok()).await;
    assert_eq!(two.nodes().await, ["one"]);
}
