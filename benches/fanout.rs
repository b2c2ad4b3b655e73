//! Measures what one delivery costs, from the log to a socket's JSON, and how much of that is observation.
//!
//!     cargo bench --bench fanout --no-run
//!     valgrind --tool=callgrind target/release/deps/fanout-… watched
//!
//! Callgrind counts instructions, which are the same in each run. The difference between `watched` and `unwatched`,
//! divided by [`DELIVERIES`], is the cost of the metrics and of disabled tracing. Kernel and websocket are not
//! included: a real delivery costs more, and observation is a smaller share of it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chorus::{
    chat::{
        delivery::session::MessageSink,
        fanout::{
            cursor::Pace,
            hub::{Hub, HubParts},
            tail::TailLimit,
        },
        model::{Author, Epoch, Message, MessageText, NodeId, RoomName, Seq},
        ports::{Clock as _, DeliveryObserver, Unobserved},
        publish::{
            appender::Appender,
            post::{Post, PostBody},
        },
        service::{ChatService, ServiceLimits, Start},
        stats::Stats,
    },
    clock::SystemClock,
    cluster::memory::bus::MemoryCluster,
    gateway::protocol::response::MessageJson,
    store::memory::MemoryLog,
    telemetry::deliveries::Deliveries,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const SESSIONS: usize = 100;
const MESSAGES: usize = 1_000;
const DELIVERIES: usize = SESSIONS * MESSAGES;

/// A socket that encodes each message as a real one does, and sends it nowhere.
struct Encoder(mpsc::UnboundedSender<usize>);

#[async_trait]
impl MessageSink for Encoder {
    fn capacity(&self, _pace: Pace) -> usize {
        48
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], _pace: Pace) -> usize {
        for message in messages {
            let json = serde_json::to_string(&("message", MessageJson::new(message, None)));
            let _ = self.0.send(json.expect("a message can be written").len());
        }
        messages.len()
    }

    fn history_truncated(&self, _room: &RoomName, _after: Seq, _upto: Seq) -> bool {
        true
    }

    async fn drained(&self) {}

    fn cut(&self) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let watched = std::env::args().any(|argument| argument == "watched");
    let (clock, node) = (Arc::new(SystemClock), "bench".parse::<NodeId>().expect("a name"));
    let observer: Arc<dyn DeliveryObserver> =
        if watched { Arc::new(Deliveries::new(node.clone(), clock.clone())) } else { Arc::new(Unobserved) };
    let stats = Arc::new(Stats::default());
    let (to_commits, commits) = mpsc::channel(1_024);
    let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [0; 32], to_commits));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let hub = Hub::new(HubParts {
        log: log.clone(),
        bus: Arc::new(MemoryCluster::default().join(mpsc::channel(1).0)),
        observer,
        stats: stats.clone(),
        tail: TailLimit { messages: 1_024, bytes: 1_048_576 },
        tracker: tasks.clone(),
        stop: stop.clone(),
    });
    let appender = Appender::new(log.clone(), clock.clone(), node, stats.clone());
    let limits = ServiceLimits { rooms_per_session: 1, messages_per_second: 0 };
    let chat = ChatService::new(appender, hub.clone(), stats, limits);
    tasks.spawn(hub.take_commits(commits));

    let (to_wire, mut wire) = mpsc::unbounded_channel();
    let lobby = RoomName::lobby();
    for _ in 0..SESSIONS {
        let session = chat.session(None, stop.child_token());
        chat.join(&session, &lobby, Start::Newest(0)).await.expect("the log is in memory").follow();
        let (log, sink) = (log.clone(), Encoder(to_wire.clone()));
        tasks.spawn(async move { session.pump(log.as_ref(), &sink, Duration::from_secs(60)).await });
    }
    let text = MessageText::new("a line of the usual length, as people write them", 100).expect("a text");
    for _ in 0..MESSAGES {
        let post = Post { room: lobby.clone(), nonce: None, body: PostBody::Text(text.clone()), trace: None };
        chat.post(&Author::anonymous(), post).await.expect("the log is in memory");
        for _ in 0..SESSIONS {
            wire.recv().await.expect("the sessions live");
        }
    }
    println!("{DELIVERIES} deliveries, watched: {watched}, at {}", clock.now().0);
    stop.cancel();
}
