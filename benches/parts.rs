//! Times the parts by themselves: cursor, hub, a room's member list, the log's append, the wire, an event's JSON.
//!
//!     cargo bench --bench parts
//!     cargo bench --bench parts -- append

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use chorus::{
    chat::{
        delivery::session::MessageSink,
        fanout::{
            cursor::{Cursor, Pace},
            hub::{Hub, HubParts},
            reorder_buffer::ReorderBuffer,
            tail::{Tail, TailLimit},
        },
        model::{Author, Draft, Epoch, Kind, Message, MessageText, NodeId, RoomName, Seq, UnixMs},
        ports::{MessageLog, Unobserved},
        presence::{participant::Participant, tracker::PresenceTracker},
        publish::appender::Appender,
        service::{ChatService, ServiceLimits, Start},
        stats::Stats,
    },
    clock::SystemClock,
    cluster::{
        memory::{bus::MemoryCluster, presence::MemoryPresenceCluster},
        wire::Wire,
    },
    config,
    gateway::protocol::response::MessageJson,
    store::{self, memory::MemoryLog},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const TAIL: TailLimit = TailLimit { messages: 1_024, bytes: 1_048_576 };

fn draft() -> Draft {
    Draft {
        room: RoomName::lobby(),
        kind: Kind::Text,
        target: None,
        author: Author::anonymous(),
        nonce: None,
        text: MessageText::new("a line of the usual length, as people write them", 100).expect("a text"),
        at: UnixMs(1_700_000_000_000),
        node: "bench".parse().expect("a name"),
        trace: None,
    }
}

fn message(seq: u64) -> Arc<Message> {
    Arc::new(Message { seq: Seq(seq), draft: draft() })
}

fn cursor(c: &mut Criterion) {
    let mut group = c.benchmark_group("cursor");
    for sessions in [1, 100, 10_000] {
        group.throughput(Throughput::Elements(sessions));
        group.bench_function(BenchmarkId::from_parameter(sessions), |b| {
            let (mut order, mut tail) = (ReorderBuffer::at(Seq(0)), Tail::new(TAIL));
            let mut cursors: Vec<_> = (0..sessions).map(|_| Cursor::after(Seq(0))).collect();
            b.iter(|| {
                let next = message(order.head().0 + 1);
                order.offer(next).into_iter().for_each(|ready| tail.push(ready));
                for cursor in &mut cursors {
                    if cursor.is_behind(order.head()) {
                        let messages = tail.after(cursor.shown(), 48).expect("it is in the tail");
                        cursor.took(&messages);
                    }
                }
            });
        });
    }
    group.finish();
}

/// A socket that takes everything and counts it.
struct Counter(mpsc::UnboundedSender<usize>);

#[async_trait]
impl MessageSink for Counter {
    fn capacity(&self, _pace: Pace) -> usize {
        48
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], _pace: Pace) -> usize {
        let _ = self.0.send(messages.len());
        messages.len()
    }

    fn history_truncated(&self, _room: &RoomName, _after: Seq, _upto: Seq) -> bool {
        true
    }

    async fn drained(&self) {}

    fn cut(&self) {}
}

/// A node in memory, and the receiver of its log's commits.
struct Node {
    log: Arc<MemoryLog>,
    commits: mpsc::Receiver<Vec<Arc<Message>>>,
    hub: Arc<Hub>,
    chat: Arc<ChatService>,
    stats: Arc<Stats>,
}

fn node_id() -> NodeId {
    "bench".parse().expect("a name")
}

impl Node {
    fn new(tracker: TaskTracker, stop: CancellationToken) -> Self {
        let (to_commits, commits) = mpsc::channel(1_024);
        let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [0; 32], to_commits));
        let stats = Arc::new(Stats::default());
        let hub = Hub::new(HubParts {
            log: log.clone(),
            bus: Arc::new(MemoryCluster::default().join(mpsc::channel(1).0)),
            observer: Arc::new(Unobserved),
            stats: stats.clone(),
            tail: TAIL,
            tracker,
            stop,
        });
        let appender = Appender::new(log.clone(), Arc::new(SystemClock), node_id(), stats.clone());
        let limits = ServiceLimits { rooms_per_session: 1, messages_per_second: 0 };
        let chat = ChatService::new(appender, hub.clone(), stats.clone(), limits);
        Self { log, commits, hub, chat, stats }
    }
}

/// A burst of ten messages to all sessions of a room. In a large room most of the time is the wake throttle's pause.
fn hub(c: &mut Criterion) {
    const BURST: usize = 10;
    let mut group = c.benchmark_group("hub");
    group.sample_size(10);
    for sessions in [1, 100, 10_000] {
        let runtime = Runtime::new().expect("a runtime");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let Node { log, commits, hub, chat, .. } = Node::new(tasks.clone(), stop.clone());
        let (to_wire, mut wire) = mpsc::unbounded_channel();
        runtime.block_on(async {
            tasks.spawn(hub.take_commits(commits));
            for _ in 0..sessions {
                let session = chat.session(None, stop.child_token());
                let entered = chat.join(&session, &RoomName::lobby(), Start::Newest(0)).await;
                entered.expect("the log is in memory").follow();
                let (log, sink) = (log.clone(), Counter(to_wire.clone()));
                tasks.spawn(async move { session.pump(log.as_ref(), &sink, Duration::from_secs(60)).await });
            }
        });
        group.throughput(Throughput::Elements((sessions * BURST) as u64));
        group.bench_function(BenchmarkId::from_parameter(sessions), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    log.append(vec![draft(); BURST]).await.expect("the log is in memory");
                    let mut left = sessions * BURST;
                    while 0 < left {
                        left -= wire.recv().await.expect("the sessions live");
                    }
                });
            });
        });
        stop.cancel();
    }
    group.finish();
}

/// The member list of a room that someone has just joined.
fn members(c: &mut Criterion) {
    let mut group = c.benchmark_group("members");
    for members in [1, 100, 10_000] {
        let runtime = Runtime::new().expect("a runtime");
        let stop = CancellationToken::new();
        let Node { chat, stats, commits: _commits, .. } = Node::new(TaskTracker::new(), stop.clone());
        let store = Arc::new(MemoryPresenceCluster::default().join(mpsc::channel(1).0));
        let presence = PresenceTracker::new(store, Arc::new(SystemClock), stats, node_id());
        let join = |n: u64| {
            let name = format!("u{n}");
            let author = Author {
                id: name.parse().expect("a name"),
                name: name.parse().expect("a name"),
                color: None,
            };
            let session = chat.session(Some(Participant::new(&presence, author)), stop.child_token());
            let entered = runtime.block_on(chat.join(&session, &RoomName::lobby(), Start::Newest(0)));
            entered.expect("the log is in memory").follow();
            session
        };
        let sessions: Vec<_> = (1..members).map(join).collect();
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter(|| {
                let last = join(0);
                let listed = presence.known_members(&RoomName::lobby());
                last.leave(&RoomName::lobby());
                listed
            });
        });
        drop(sessions);
    }
    group.finish();
}

/// Each batch is one commit and one fsync.
fn append(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a folder on a disk");
    let url = format!("sqlite://{}", folder.path().join("chat.db").display());
    let settings = config::Log { url, ..config::Log::default() };
    let (to_commits, mut commits) = mpsc::channel(1_024);
    let log = store::open(&settings, Arc::new(SystemClock), to_commits).expect("a log");
    runtime.spawn(async move { while commits.recv().await.is_some() {} });
    let mut group = c.benchmark_group("append");
    group.sample_size(10);
    for batch in [1, 16, 256] {
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter(|| {
                let drafts = vec![draft(); usize::try_from(batch).expect("it is small")];
                runtime.block_on(log.append(drafts)).expect("the log is writable");
            });
        });
    }
    group.finish();
    runtime.block_on(log.close());
}

fn wire(c: &mut Criterion) {
    let wire = Wire::new("bench", Epoch::from_random(1), &[0; 32], 1, 1 << 20);
    let mut group = c.benchmark_group("wire");
    for batch in [1, 64] {
        let messages: Vec<_> = (1..=batch).map(message).collect();
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter(|| wire.encode(&RoomName::lobby(), black_box(&messages)));
        });
    }
    group.finish();
}

fn json(c: &mut Criterion) {
    let message = message(1);
    c.bench_function("json", |b| {
        b.iter(|| serde_json::to_string(&("message", MessageJson::new(black_box(&message), None))));
    });
}

criterion_group!(parts, cursor, hub, members, append, wire, json);
criterion_main!(parts);
