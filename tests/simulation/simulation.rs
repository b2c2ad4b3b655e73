//! One simulation: sets it up from a seed, runs it, and judges it.

use std::{fs::File, sync::Arc, time::Duration};

use chorus::chat::model::{Epoch, RoomName, Seq};
use chorus_load::{
    identity::{ParsedText, Texts},
    judge::{Member, Shown},
};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;

use crate::{
    active_faults::ActiveFaults,
    bus::Network,
    client::{Client, RoomState, VanishSignal},
    clock::Clock,
    connection::QUEUE_MAX,
    faults,
    history::{History, Outcome},
    log::Disk,
    node::{Cluster, Environment},
    presence::Registry,
    presence_oracle::PresenceOracle,
    rng::SeededRng,
    server::Protocol,
    transient_client::TransientClient,
};

/// While clients post and faults begin.
const ACTIVE: Duration = Duration::from_secs(20);
/// After the last fault, every post must be acked and delivered within this time.
const DELIVERED_WITHIN: Duration = Duration::from_secs(15);
/// After the last fault, every client must know the members of its rooms within this time.
const PRESENCE_WITHIN: Duration = Duration::from_secs(20);
/// After that, nothing more may arrive.
const QUIET: Duration = Duration::from_secs(2);
/// How often completion is checked.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// The first two are large. The others have few members, so that at times a node has none of them.
const ROOMS: [&str; 6] = ["lobby", "den", "nook-1", "nook-2", "nook-3", "nook-4"];
const LARGE: usize = 2;
const MESSAGES_MIN: u64 = 500;

/// Runs the simulation of a seed, and writes its history to `file`, if there is one.
pub(crate) fn run(seed: u64, file: Option<File>) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without threads").block_on(async {
        // From here on, times are whole milliseconds apart. Before its first tick, a paused clock is off by the time
        // that the machine took to create it.
        sleep(Duration::from_millis(1)).await;
        Simulation::new(seed, file).run().await
    })
}

struct Simulation {
    began: Instant,
    cluster: Arc<Cluster>,
    clients: Vec<Client>,
    transient_clients: Vec<TransientClient>,
    vanish_signals: Vec<Arc<VanishSignal>>,
    /// The log's own content, as one more member of each room.
    auditors: Vec<Auditor>,
    texts: Texts,
    rng: SeededRng,
}

struct Auditor {
    member: usize,
    seen: Seq,
}

/// What is drawn for a client before the environment exists.
struct ClientSpec {
    protocol: Protocol,
    rooms: Vec<RoomState>,
}

impl Simulation {
    fn new(seed: u64, file: Option<File>) -> Self {
        let mut rng = SeededRng::new(seed);
        let (began, tracker) = (Instant::now(), TaskTracker::new());
        let rooms: Vec<RoomName> = ROOMS.iter().map(|name| name.parse().expect("a room")).collect();
        let (nodes, clients) = (rng.between(3, 4) as usize, rng.between(20, 24) as usize);
        let transients = rng.between(2, 6) as usize;
        let mut members = Vec::new();
        let specs: Vec<_> = (0..clients).map(|_| draw_client(&rooms, &mut members, &mut rng)).collect();
        let auditors = (0..rooms.len()).map(|room| {
            members.push(Member { room, dense: true, after: 0 });
            Auditor { member: members.len() - 1, seen: Seq::ZERO }
        });
        let auditors = auditors.collect();

        let names: Vec<_> = rooms.iter().map(ToString::to_string).collect();
        let history = Arc::new(History::new(began, &names, &members, file));
        let faults = Arc::new(ActiveFaults::new(began, clients + transients));
        let disk = Disk::new(rooms.clone(), faults.clone(), history.clone(), rng.fork());
        let network = Network::new(nodes, faults.clone(), history.clone(), rng.fork(), tracker.clone());
        let clock = |node| Clock::new(began, node, faults.clone(), history.clone(), rng.fork());
        let clocks = (0..nodes).map(clock).collect();
        let registry = Registry::new(faults.clone(), history.clone(), rng.fork(), tracker.clone());
        let oracle = PresenceOracle::default();
        let environment = Environment { disk, network, registry, clocks, faults, history, oracle, tracker };
        let cluster = Cluster::new(environment);

        let texts = Texts::new("sim", 0);
        let vanish_signals: Vec<_> = (0..clients).map(|_| Arc::new(VanishSignal::default())).collect();
        let mut plans = draw_plans(&specs, began, &mut rng);
        let clients = specs.into_iter().enumerate().map(|(number, spec)| Client {
            number,
            protocol: spec.protocol,
            rooms: spec.rooms,
            plan: std::mem::take(&mut plans[number]).into(),
            // Most connect at the beginning; the others find a long history.
            connects_at: began + if rng.percent(75) { rng.ms(0, 500) } else { rng.ms(0, 18_000) },
            end: None,
            epoch: Epoch::from_random(1),
            texts: texts.clone(),
            vanish_signal: vanish_signals[number].clone(),
            cluster: cluster.clone(),
            rng: rng.fork(),
        });
        let clients: Vec<_> = clients.collect();
        let transient_clients = (0..transients).map(|index| {
            let joins_at = began + rng.ms(0, 15_000);
            TransientClient {
                number: clients.len() + index,
                room: rooms[rng.below(rooms.len())].clone(),
                joins_at,
                leaves_at: joins_at + rng.ms(500, 10_000),
                cluster: cluster.clone(),
                rng: rng.fork(),
            }
        });
        let transient_clients = transient_clients.collect();
        Self { began, cluster, clients, transient_clients, vanish_signals, auditors, texts, rng }
    }

    async fn run(mut self) -> Outcome {
        let tracker = self.cluster.environment().tracker.clone();
        for number in 0..self.cluster.count() {
            tracker.spawn(self.cluster.clone().keep_running(number, self.rng.fork()));
        }
        let count = self.clients.len();
        for client in std::mem::take(&mut self.transient_clients) {
            tracker.spawn(client.run());
        }
        for client in std::mem::take(&mut self.clients) {
            client.expect_presence();
            let history = self.cluster.environment().history.clone();
            tracker.spawn(async move { history.watch(client.run()).await });
        }
        let faults = faults::schedule(&mut self.rng, ACTIVE, self.cluster.count(), count);
        let vanish_signals = std::mem::take(&mut self.vanish_signals);
        faults::inject(faults, self.began, self.cluster.clone(), vanish_signals).await;
        self.await_completion().await;
        self.cluster.environment().history.finish()
    }

    /// Waits until everything is acked and delivered and all members are known, and then for more to arrive.
    async fn await_completion(&mut self) {
        let deadline = (self.began + ACTIVE).max(Instant::now()) + DELIVERED_WITHIN;
        let history = self.cluster.environment().history.clone();
        loop {
            self.audit().await;
            if self.began + ACTIVE < Instant::now() && history.is_complete() {
                break;
            }
            if deadline < Instant::now() {
                return history.violation(format!("not complete {DELIVERED_WITHIN:?} after the last fault"));
            }
            sleep(CHECK_EVERY).await;
        }
        self.await_presence(deadline - DELIVERED_WITHIN + PRESENCE_WITHIN).await;
        sleep(QUIET).await;
        self.audit().await;
    }

    /// Waits until every client knows the members of its rooms.
    async fn await_presence(&self, deadline: Instant) {
        let Environment { oracle, history, .. } = self.cluster.environment();
        loop {
            let mismatches = oracle.mismatches();
            if mismatches.is_empty() {
                return;
            }
            if deadline < Instant::now() {
                let count = mismatches.len();
                return history.violation(format!(
                    "{count} presence mismatches {PRESENCE_WITHIN:?} after the last fault: {}",
                    mismatches[0]
                ));
            }
            sleep(CHECK_EVERY).await;
        }
    }

    /// Shows the log's content to the judge: no holes, no duplicates, nothing that was refused for good.
    async fn audit(&mut self) {
        let Environment { disk, history, .. } = self.cluster.environment();
        for (room, auditor) in self.auditors.iter_mut().enumerate() {
            for message in disk.audit(room, auditor.seen).await {
                let shown = match self.texts.read(message.draft.text.as_str()) {
                    ParsedText::Ours(said) => Shown::Ours(said.id),
                    ParsedText::Foreign | ParsedText::Broken => Shown::Broken,
                };
                history.show(auditor.member, message.seq, shown);
                auditor.seen = message.seq;
            }
        }
    }
}

/// Draws a client. Tutorial clients are in the first room only. The others are in one or both of the large rooms, and
/// some of them also in a small one.
fn draw_client(rooms: &[RoomName], members: &mut Vec<Member>, rng: &mut SeededRng) -> ClientSpec {
    let protocol = match rng.between(1, 10) {
        1..=2 => Protocol::Tutorial,
        3 => Protocol::Api,
        _ => Protocol::Native,
    };
    let mut indices: Vec<usize> = match (protocol, rng.between(1, 4)) {
        (Protocol::Tutorial, _) | (_, 1) => vec![0],
        (_, 2) => vec![1],
        _ => vec![0, 1],
    };
    if protocol != Protocol::Tutorial && rng.percent(40) {
        indices.push(LARGE + rng.below(rooms.len() - LARGE));
    }
    // All rooms together have no more posts in flight than the node takes, as the protocol demands.
    let window = (QUEUE_MAX / indices.len()) as u64;
    let rooms = indices.into_iter().map(|room| {
        members.push(Member { room, dense: true, after: 0 });
        let window = if protocol == Protocol::Native { rng.between(1, window) as usize } else { 1 };
        RoomState::new(members.len() - 1, rooms[room].clone(), window)
    });
    ClientSpec { protocol, rooms: rooms.collect() }
}

/// Draws when each client posts, and in which room. Some posts come in bursts.
fn draw_plans(specs: &[ClientSpec], began: Instant, rng: &mut SeededRng) -> Vec<Vec<(Instant, usize)>> {
    let mut plans: Vec<Vec<(Instant, usize)>> = specs.iter().map(|_| Vec::new()).collect();
    let (mut planned, wanted) = (0, MESSAGES_MIN + rng.between(0, 40));
    while planned < wanted {
        let client = rng.below(specs.len());
        let at = began + rng.ms(0, ACTIVE.as_millis() as u64);
        let burst = if rng.percent(30) { rng.between(2, 8) } else { 1 };
        for _ in 0..burst {
            let room = rng.below(specs[client].rooms.len());
            plans[client].push((at + rng.ms(0, 10), room));
            planned += 1;
        }
    }
    plans.iter_mut().for_each(|plan| plan.sort());
    plans
}
