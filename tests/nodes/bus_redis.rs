//! The bus over a real Redis: what it carries, what it drops, and how it reconnects.

use std::{sync::Arc, time::Duration};

use chorus::{
    chat::{
        model::{Author, Draft, Epoch, Kind, Message, MessageText, RoomName, Seq, UnixMs},
        ports::{ClusterBus as _, Hint},
    },
    cluster::redis::{
        bus::{RedisBus, RedisParts},
        subscriber::BusSenders,
    },
    config,
};
use futures_util::StreamExt as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::common::{redis::RedisServer, until, within};

const KEY: [u8; 32] = [7; 32];

/// One node's bus, and the hints that its hub would get.
struct Node {
    bus: Arc<RedisBus>,
    hints: mpsc::Receiver<Hint>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Node {
    fn start(name: &str, server: &RedisServer) -> Self {
        Self::start_with(name, &server.settings(), 1, &KEY, 1_024)
    }

    fn start_with(name: &str, settings: &config::Bus, epoch: u128, key: &[u8; 32], hints_max: usize) -> Self {
        let (to_hub, hints) = mpsc::channel(hints_max);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let parts = RedisParts {
            node: name.parse().unwrap(),
            epoch: Epoch::from_random(epoch),
            log_key: key,
            senders: BusSenders { hints: to_hub, presence_updates: mpsc::channel(1).0 },
            tracker: &tracker,
            stop: stop.clone(),
        };
        let (bus, _) = RedisBus::start(settings, parts).unwrap();
        Self { bus, hints, tracker, stop }
    }

    /// Waits until the bus is up and subscribed to this room.
    async fn joined(mut self, room: &str) -> Self {
        self.bus.subscribe(&room.parse().unwrap());
        assert_eq!(self.next_hint().await, gap(room));
        self.is_up().await;
        self
    }

    async fn next_hint(&mut self) -> Hint {
        within("a hint comes", self.hints.recv()).await.unwrap()
    }

    async fn is_up(&self) {
        until("the bus is up", || self.bus.is_up()).await;
    }

    async fn is_down(&self) {
        until("the bus is down", || !self.bus.is_up()).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn message(room: &str, seq: u64) -> Arc<Message> {
    message_of(room, seq, "hello")
}

fn message_of(room: &str, seq: u64, text: &str) -> Arc<Message> {
    let draft = Draft {
        room: room.parse().unwrap(),
        kind: Kind::Text,
        target: None,
        author: Author { id: "u-1".parse().unwrap(), name: "Ada".parse().unwrap(), color: None },
        nonce: None,
        text: MessageText::new(text, text.len()).unwrap(),
        at: UnixMs(1_790_000_000_000),
        node: "ada".parse().unwrap(),
        trace: None,
    };
    Arc::new(Message { seq: Seq(seq), draft })
}

fn messages(room: &str, seqs: &[u64]) -> Hint {
    Hint::Messages(seqs.iter().map(|seq| message(room, *seq)).collect())
}

fn gap(room: &str) -> Hint {
    Hint::Gap(room.parse().unwrap())
}

/// Records the metrics of this test's buses. The recorder is the thread's, and each test has a thread of its own.
fn counted() -> (PrometheusHandle, metrics::LocalRecorderGuard<'static>) {
    let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
    (recorder.handle(), metrics::set_default_local_recorder(recorder))
}

fn count(handle: &PrometheusHandle, series: &str) -> u64 {
    let text = handle.render();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

fn dropped(handle: &PrometheusHandle, reason: &str) -> u64 {
    count(handle, &format!("chorus_bus_dropped_total{{reason=\"{reason}\"}}"))
}

#[tokio::test]
async fn a_message_crosses_once_and_does_not_come_back() {
    let server = RedisServer::started().await;
    let mut ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await;

    ada.bus.publish(&[message("red", 1)]);
    ada.bus.publish(&[message("red", 2), message("red", 3)]);
    assert_eq!(bob.next_hint().await, messages("red", &[1]));
    assert_eq!(bob.next_hint().await, messages("red", &[2, 3]));

    bob.bus.publish(&[message("red", 4)]);
    assert_eq!(ada.next_hint().await, messages("red", &[4]));
}

#[tokio::test]
async fn nodes_of_one_name_hear_each_other() {
    let server = RedisServer::started().await;
    let ada = Node::start("same", &server).joined("red").await;
    let mut bob = Node::start("same", &server).joined("red").await;
    ada.bus.publish(&[message("red", 1)]);
    assert_eq!(bob.next_hint().await, messages("red", &[1]));
}

#[tokio::test]
async fn a_node_hears_only_of_the_rooms_it_wants() {
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await;

    ada.bus.publish(&[message("red", 1), message("blue", 1), message("red", 2)]);
    ada.bus.publish(&[message("red", 3)]);
    assert_eq!(bob.next_hint().await, messages("red", &[1, 2]));
    assert_eq!(bob.next_hint().await, messages("red", &[3]));

    bob.bus.unsubscribe(&"red".parse().unwrap());
    // Redis gets the commands in the order of the calls.
    let mut bob = bob.joined("blue").await;
    ada.bus.publish(&[message("red", 4), message("blue", 2)]);
    ada.bus.publish(&[message("red", 5), message("blue", 3)]);
    assert_eq!(bob.next_hint().await, messages("blue", &[2]));
    assert_eq!(bob.next_hint().await, messages("blue", &[3]));
}

#[tokio::test]
async fn many_rooms_are_followed_at_once() {
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start_with("bob", &server.settings(), 1, &KEY, 1).joined("red").await;
    for n in 0..2_000 {
        bob.bus.subscribe(&format!("room-{n}").parse().unwrap());
    }
    // The hub gets a hint for each of them, although its channel holds only one at a time.
    let mut gaps = std::collections::HashSet::<RoomName>::new();
    while gaps.len() < 2_000 {
        let Hint::Gap(room) = bob.next_hint().await else { panic!("nothing was published") };
        gaps.insert(room);
    }
    ada.bus.publish(&[message("room-1999", 1)]);
    assert_eq!(bob.next_hint().await, messages("room-1999", &[1]));
}

#[tokio::test]
async fn what_is_too_large_comes_as_the_new_head() {
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await;
    let batch: Vec<_> = (1..=9).map(|seq| message_of("red", seq, &"x".repeat(8_000))).collect();
    ada.bus.publish(&batch);
    assert_eq!(bob.next_hint().await, Hint::Head("red".parse().unwrap(), Seq(9)));
}

#[tokio::test]
async fn what_another_log_or_a_stranger_says_is_dropped() {
    let (counters, _guard) = counted();
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await;
    let restored = Node::start_with("eve", &server.settings(), 2, &KEY, 8);
    let keyless = Node::start_with("eve", &server.settings(), 1, &[8; 32], 8);
    restored.is_up().await;
    keyless.is_up().await;

    // A plain client captures the frames and the channels' names.
    let mut spy = redis::Client::open(server.url()).unwrap().get_async_pubsub().await.unwrap();
    spy.psubscribe("*").await.unwrap();
    ada.bus.publish(&[message("red", 1)]);
    assert_eq!(bob.next_hint().await, messages("red", &[1]));
    let captured = within("the spy receives a frame", spy.on_message().next()).await.unwrap();
    let (channel, frame) = (captured.get_channel_name().to_owned(), captured.get_payload_bytes().to_owned());
    restored.bus.publish(&[message("red", 2)]);
    let captured = within("the spy receives a frame", spy.on_message().next()).await.unwrap();
    assert_ne!(captured.get_channel_name(), channel);

    let mut eve = server.client().await;
    let last = frame.len() - 1;
    let newer = [&[u8::MAX], &frame[1..]].concat();
    let altered = [&frame[..last], &[frame[last] ^ 1]].concat();
    for bytes in [captured.get_payload_bytes(), &newer, &altered, &frame[..20], b""] {
        let () = redis::cmd("PUBLISH").arg(&channel).arg(bytes).query_async(&mut eve).await.unwrap();
    }
    keyless.bus.publish(&[message("red", 3)]);
    ada.bus.publish(&[message("red", 4)]);
    assert_eq!(bob.next_hint().await, messages("red", &[4]));
    // Ada and Bob dropped each of them.
    until("all was dropped", || dropped(&counters, "forged") == 4).await;
    let reasons = ["foreign", "version", "corrupt"].map(|reason| dropped(&counters, reason));
    assert_eq!(reasons, [2, 2, 4]);
}

#[tokio::test]
async fn a_killed_redis_is_found_again_with_all_rooms() {
    let mut server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await.joined("blue").await;

    server.kill();
    ada.is_down().await;
    bob.is_down().await;
    bob.bus.unsubscribe(&"blue".parse().unwrap());
    bob.bus.subscribe(&"green".parse().unwrap());
    ada.bus.publish(&[message("red", 1)]);
    server.start().await;
    ada.is_up().await;
    bob.is_up().await;

    let mut gaps = [bob.next_hint().await, bob.next_hint().await];
    gaps.sort_by_key(|gap| format!("{gap:?}"));
    assert_eq!(gaps, [gap("green"), gap("red")]);
    ada.bus.publish(&[message("blue", 2), message("red", 2)]);
    assert_eq!(bob.next_hint().await, messages("red", &[2]));
}

#[tokio::test]
async fn a_frozen_redis_is_noticed_and_found_again() {
    let (counters, _guard) = counted();
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await;

    let frozen = Instant::now();
    server.freeze();
    // This is published into a connection that is open and silent.
    ada.bus.publish(&[message("red", 1)]);
    ada.is_down().await;
    bob.is_down().await;
    let limit = server.settings().timeout * 2 + Duration::from_secs(1);
    assert!(frozen.elapsed() < limit, "{:?}", frozen.elapsed());
    assert_eq!(count(&counters, "chorus_bus_up"), 0);
    until("the message was given up", || dropped(&counters, "redis_down") == 1).await;

    server.thaw();
    ada.is_up().await;
    bob.is_up().await;
    ada.bus.publish(&[message("red", 2)]);
    // What Redis had received before it froze may arrive as well.
    while bob.next_hint().await != gap("red") {}
    assert_eq!(bob.next_hint().await, messages("red", &[2]));
}

#[tokio::test]
async fn each_half_comes_back_if_only_its_connection_is_lost() {
    let server = RedisServer::started().await;
    let mut ada = Node::start("ada", &server).joined("red").await;
    let bob = Node::start("bob", &server).joined("red").await;
    let mut admin = server.client().await;
    for half in ["publisher", "subscriber"] {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut admin).await.unwrap();
        let name = format!("name=chorus:ada:{half} ");
        let line = clients.lines().find(|line| line.contains(&name)).expect("connections are named");
        let id = line.split(' ').next().and_then(|field| field.strip_prefix("id=")).unwrap();
        let () = redis::cmd("CLIENT").arg(&["KILL", "ID", id]).query_async(&mut admin).await.unwrap();
        ada.is_down().await;
        ada.is_up().await;
    }
    assert_eq!(ada.next_hint().await, gap("red"));
    bob.bus.publish(&[message("red", 1)]);
    assert_eq!(ada.next_hint().await, messages("red", &[1]));
}

#[tokio::test]
async fn a_closed_subscription_is_noticed_before_the_next_ping() {
    let mut server = RedisServer::started().await;
    let settings = config::Bus { timeout: Duration::from_secs(600), ..server.settings() };
    let bob = Node::start_with("bob", &settings, 1, &KEY, 8).joined("red").await;
    server.kill();
    bob.is_down().await;
}

#[tokio::test]
async fn a_bus_starts_without_redis_and_is_up_when_it_appears() {
    let (counters, _guard) = counted();
    let mut server = RedisServer::reserve();
    let ada = Node::start("ada", &server);
    let mut bob = Node::start("bob", &server);
    bob.bus.subscribe(&"red".parse().unwrap());
    ada.bus.publish(&[message("red", 1)]);
    assert_eq!(dropped(&counters, "redis_down"), 1);
    assert!(!ada.bus.is_up());
    server.start().await;
    ada.is_up().await;
    assert_eq!(bob.next_hint().await, gap("red"));
    ada.bus.publish(&[message("red", 2)]);
    assert_eq!(bob.next_hint().await, messages("red", &[2]));
}

#[tokio::test]
async fn a_full_queue_drops_and_never_waits() {
    let (counters, _guard) = counted();
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    server.freeze();
    // There is no await in between, so the publisher's task cannot run.
    for seq in 1..=3_000 {
        ada.bus.publish(&[message("red", seq)]);
    }
    assert_eq!(dropped(&counters, "queue_full"), 3_000 - 1_024);
    ada.is_down().await;
    until("what waited was given up", || dropped(&counters, "redis_down") == 1_024).await;
    server.thaw();
    ada.is_up().await;
}

#[tokio::test]
async fn a_full_hub_loses_messages_and_no_more() {
    let (counters, _guard) = counted();
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start_with("bob", &server.settings(), 1, &KEY, 2).joined("red").await;
    for seq in 1..=5 {
        ada.bus.publish(&[message("red", seq)]);
    }
    until("the hub is full", || dropped(&counters, "hints_full") == 3).await;
    assert_eq!(bob.next_hint().await, messages("red", &[1]));
    assert_eq!(bob.next_hint().await, messages("red", &[2]));
    ada.bus.publish(&[message("red", 6)]);
    assert_eq!(bob.next_hint().await, messages("red", &[6]));
    assert_eq!(count(&counters, "chorus_bus_received_total"), 3);
    assert_eq!(count(&counters, "chorus_bus_published_total"), 6);
}

#[tokio::test]
async fn a_stopping_bus_sends_what_waits_and_ends() {
    let server = RedisServer::started().await;
    let ada = Node::start("ada", &server).joined("red").await;
    let mut bob = Node::start("bob", &server).joined("red").await;
    ada.bus.publish(&[message("red", 1)]);
    ada.stop.cancel();
    ada.tracker.close();
    within("its tasks end", ada.tracker.wait()).await;
    assert_eq!(bob.next_hint().await, messages("red", &[1]));
    ada.bus.publish(&[message("red", 2)]);
}

#[tokio::test]
async fn a_bus_stops_while_redis_is_silent() {
    let server = RedisServer::started().await;
    server.freeze();
    let ada = Node::start("ada", &server);
    ada.stop.cancel();
    ada.tracker.close();
    timeout(Duration::from_secs(5), ada.tracker.wait()).await.unwrap();
}

#[tokio::test]
async fn only_an_address_that_cannot_be_used_stops_the_start() {
    for url in ["rediss://localhost", "redis://", "nonsense", "redis://localhost/nine"] {
        let settings = config::Bus { url: Some(url.into()), ..config::Bus::default() };
        let (hints, _) = mpsc::channel(1);
        let parts = RedisParts {
            node: "ada".parse().unwrap(),
            epoch: Epoch::from_random(1),
            log_key: &KEY,
            senders: BusSenders { hints, presence_updates: mpsc::channel(1).0 },
            tracker: &TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let error = RedisBus::start(&settings, parts).err().unwrap();
        assert!(error.to_string().contains("bus.url"), "{error:#}");
    }
}
