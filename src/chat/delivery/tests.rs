//! Sessions on unreliable sockets, under seeded schedules.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    chat::{
        delivery::session::{MessageSink, PATIENCES},
        fanout::{
            cursor::Pace,
            hub::{Hub, HubParts},
            tail::TailLimit,
        },
        model::{Epoch, Message, RoomName, Seq},
        ports::{ClusterBus as _, Hint, MessageLog as _, Unobserved},
        publish::appender::Appender,
        service::{ChatService, ServiceLimits, Start},
        stats::Stats,
        testing::{Dice, FixedClock, draft},
    },
    cluster::memory::bus::{MemoryBus, MemoryCluster},
    store::memory::MemoryLog,
    sync::lock,
};

/// A node over this log and bus: its service, hub and counters.
struct Node {
    chat: Arc<ChatService>,
    hub: Arc<Hub>,
    stats: Arc<Stats>,
}

impl Node {
    fn new(log: &Arc<MemoryLog>, bus: MemoryBus, tracker: TaskTracker, stop: CancellationToken) -> Self {
        let stats = Arc::new(Stats::default());
        let hub = Hub::new(HubParts {
            log: log.clone(),
            bus: Arc::new(bus),
            observer: Arc::new(Unobserved),
            stats: stats.clone(),
            tail: TailLimit { messages: 8, bytes: 1_000 },
            tracker,
            stop,
        });
        let appender = Appender::new(log.clone(), Arc::new(FixedClock), "n1".parse().unwrap(), stats.clone());
        let limits = ServiceLimits { rooms_per_session: 10, messages_per_second: 0 };
        let chat = ChatService::new(appender, hub.clone(), stats.clone(), limits);
        Self { chat, hub, stats }
    }
}

/// A socket that takes a random prefix and records what it took.
struct FlakySocket {
    dice: Mutex<Dice>,
    shown: Mutex<Vec<u64>>,
}

#[async_trait]
impl MessageSink for FlakySocket {
    fn capacity(&self, _pace: Pace) -> usize {
        lock(&self.dice).roll(12) as usize
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], _pace: Pace) -> usize {
        let taken = lock(&self.dice).roll(messages.len() as u64 + 1) as usize;
        lock(&self.shown).extend(messages[..taken].iter().map(|message| message.seq.0));
        taken
    }

    fn history_truncated(&self, _room: &RoomName, _after: Seq, _upto: Seq) -> bool {
        panic!("nothing was pruned");
    }

    async fn drained(&self) {
        let pause = lock(&self.dice).roll(20);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    fn cut(&self) {
        panic!("a socket that takes something now and then is not stalled");
    }
}

/// A socket that takes nothing, and records when it is cut.
struct StuckSocket(mpsc::UnboundedSender<Instant>);

#[async_trait]
impl MessageSink for StuckSocket {
    fn capacity(&self, _pace: Pace) -> usize {
        0
    }

    fn deliver(&self, _room: &RoomName, _messages: &[Arc<Message>], _pace: Pace) -> usize {
        0
    }

    fn history_truncated(&self, _room: &RoomName, _after: Seq, _upto: Seq) -> bool {
        false
    }

    async fn drained(&self) {
        std::future::pending().await
    }

    fn cut(&self) {
        self.0.send(Instant::now()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_one_outage_stops_are_not_cut_in_one_moment() {
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [0; 32], mpsc::channel(8).0));
    log.append(vec![draft("lobby", "hello")]).await.unwrap();
    let bus = MemoryCluster::default().join(mpsc::channel(1).0);
    let Node { chat, .. } = Node::new(&log, bus, tasks.clone(), stop.clone());
    let (to_cuts, mut cuts) = mpsc::unbounded_channel();
    let (began, patience) = (Instant::now(), Duration::from_secs(20));
    for _ in 0..PATIENCES {
        let session = chat.session(None, stop.child_token());
        chat.join(&session, &RoomName::lobby(), Start::Newest(1)).await.unwrap().follow();
        let (log, out) = (log.clone(), StuckSocket(to_cuts.clone()));
        tasks.spawn(async move { session.pump(log.as_ref(), &out, patience).await });
    }
    let mut waited = Vec::new();
    for _ in 0..PATIENCES {
        waited.push(cuts.recv().await.unwrap() - began);
    }
    assert!(waited.iter().all(|waited| patience <= *waited && *waited < patience * 5 / 4), "{waited:?}");
    waited.dedup();
    assert_eq!(waited.len(), PATIENCES as usize);
}

/// A node over a log that grows: half of the hints are lost, and the sweep finds those messages.
async fn converse(seed: u64) {
    let mut dice = Dice::new(seed);
    let stop = CancellationToken::new();
    let (to_commits, mut commits) = mpsc::channel(1_024);
    let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [0; 32], to_commits));
    let (to_hints, hints) = mpsc::channel(1_024);
    let bus = MemoryCluster::default().join(to_hints.clone());
    assert!(bus.is_up());
    let Node { chat, hub, stats } = Node::new(&log, bus, TaskTracker::new(), stop.clone());
    let tasks = TaskTracker::new();
    tasks.spawn(hub.clone().take_hints(hints));
    tasks.spawn(hub.sweep(log.position().await.unwrap(), Duration::from_millis(100)));

    let total = 40 + dice.roll(60);
    let mut sessions = Vec::new();
    for number in 1..=total {
        log.append(vec![draft("lobby", &format!("message {number}"))]).await.unwrap();
        let committed = commits.recv().await.unwrap();
        if dice.roll(2) == 0 {
            to_hints.send(Hint::Messages(committed)).await.unwrap();
        }
        if number % 20 == 1 {
            let after = dice.roll(number + 1);
            let dice = Mutex::new(Dice::new(seed + number));
            let socket = Arc::new(FlakySocket { dice, shown: Mutex::default() });
            let session = chat.session(None, stop.clone());
            let start = Start::After { epoch: None, seq: Seq(after), or_newest: 0 };
            chat.join(&session, &RoomName::lobby(), start).await.unwrap().follow();
            let (log, out) = (log.clone(), socket.clone());
            tasks.spawn(
                async move { session.pump(log.as_ref(), out.as_ref(), Duration::from_secs(60)).await },
            );
            sessions.push((after, socket));
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(30))).await;
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (after, socket) in sessions {
        let wanted: Vec<u64> = (after + 1..=total).collect();
        assert_eq!(*lock(&socket.shown), wanted, "seed {seed}, from after {after}");
    }
    assert_eq!(stats.catching_up.get(), 0, "seed {seed}");
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn every_session_shows_all_once_and_in_order_whatever_hints_are_lost() {
    for seed in 0..300 {
        converse(seed).await;
    }
}
