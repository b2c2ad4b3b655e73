//! One seed's world, from its beginning to the verdict on it.

use std::{fs::File, sync::Arc, time::Duration};

use chorus::chat::model::{Epoch, RoomName, Seq};
use chorus_load::{
    identity::{Heard, Texts},
    judge::{Member, Shown},
};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;

use crate::{
    bus::Network,
    client::{Client, Orders, Seat},
    clock::Clock,
    connection::QUEUE_MAX,
    dice::Dice,
    faults,
    history::{History, Outcome},
    log::Disk,
    node::{Cluster, Ground},
    presence::Registry,
    roll::Roll,
    server::Dialect,
    visitor::Visitor,
    weather::Weather,
};

/// For so long clients say something, and faults begin.
const SPAN: Duration = Duration::from_secs(20);
/// So long after the last fault has ended, everything is answered and everybody has all.
const LIVE_WITHIN: Duration = Duration::from_secs(15);
/// So long after it, everybody who wants to know who is in a room knows.
const KNOWN_WITHIN: Duration = Duration::from_secs(20);
/// Then nothing more may come.
const QUIET: Duration = Duration::from_secs(2);
/// How often it is looked whether all is there.
const LOOK: Duration = Duration::from_millis(100);

/// The first two are large; the others have few members, so that nobody of a node may be there for a while.
const ROOMS: [&str; 6] = ["lobby", "den", "nook-1", "nook-2", "nook-3", "nook-4"];
const LARGE: usize = 2;
const MESSAGES_MIN: u64 = 500;

/// Runs the world of a seed, and writes its history into a file, if there is one.
pub(crate) fn run(seed: u64, file: Option<File>) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without threads").block_on(async {
        // From here on all times are whole milliseconds after each other: before its first tick, a paused clock
        // is off by what the machine took to make it.
        sleep(Duration::from_millis(1)).await;
        World::new(seed, file).run().await
    })
}

struct World {
    began: Instant,
    cluster: Arc<Cluster>,
    clients: Vec<Client>,
    visitors: Vec<Visitor>,
    orders: Vec<Arc<Orders>>,
    /// What the log itself has, as one more member of each room.
    auditors: Vec<Auditor>,
    texts: Texts,
    dice: Dice,
}

struct Auditor {
    member: usize,
    seen: Seq,
}

/// A client before the world is made: how it speaks, and its seats.
struct Cast {
    dialect: Dialect,
    seats: Vec<Seat>,
}

impl World {
    fn new(seed: u64, file: Option<File>) -> Self {
        let mut dice = Dice::new(seed);
        let (began, tracker) = (Instant::now(), TaskTracker::new());
        let rooms: Vec<RoomName> = ROOMS.iter().map(|name| name.parse().expect("a room")).collect();
        let (nodes, clients) = (dice.between(3, 4) as usize, dice.between(20, 24) as usize);
        let visits = dice.between(2, 6) as usize;
        let mut members = Vec::new();
        let casts: Vec<Cast> = (0..clients).map(|_| cast(&rooms, &mut members, &mut dice)).collect();
        let auditors = (0..rooms.len()).map(|room| {
            members.push(Member { room, dense: true, after: 0 });
            Auditor { member: members.len() - 1, seen: Seq::ZERO }
        });
        let auditors = auditors.collect();

        let names: Vec<_> = rooms.iter().map(ToString::to_string).collect();
        let history = Arc::new(History::new(began, &names, &members, file));
        let weather = Arc::new(Weather::new(began, clients + visits));
        let disk = Disk::new(rooms.clone(), weather.clone(), history.clone(), dice.fork());
        let network = Network::new(nodes, weather.clone(), history.clone(), dice.fork(), tracker.clone());
        let clock = |node| Clock::new(began, node, weather.clone(), history.clone(), dice.fork());
        let clocks = (0..nodes).map(clock).collect();
        let registry = Registry::new(weather.clone(), history.clone(), dice.fork(), tracker.clone());
        let roll = Roll::default();
        let ground = Ground { disk, network, registry, clocks, weather, history, roll, tracker };
        let cluster = Cluster::new(ground);

        let texts = Texts::new("sim", 0);
        let orders: Vec<_> = (0..clients).map(|_| Arc::new(Orders::default())).collect();
        let mut plans = plans(&casts, began, &mut dice);
        let clients = casts.into_iter().enumerate().map(|(number, cast)| Client {
            number,
            dialect: cast.dialect,
            seats: cast.seats,
            plan: std::mem::take(&mut plans[number]).into(),
            // Most are there from the beginning, and some come to a long history.
            connects_at: began + if dice.percent(75) { dice.ms(0, 500) } else { dice.ms(0, 18_000) },
            end: None,
            epoch: Epoch::from_random(1),
            texts: texts.clone(),
            orders: orders[number].clone(),
            cluster: cluster.clone(),
            dice: dice.fork(),
        });
        let clients: Vec<_> = clients.collect();
        let visitors = (0..visits).map(|visit| {
            let comes_at = began + dice.ms(0, 15_000);
            Visitor {
                number: clients.len() + visit,
                room: rooms[dice.below(rooms.len())].clone(),
                comes_at,
                leaves_at: comes_at + dice.ms(500, 10_000),
                cluster: cluster.clone(),
                dice: dice.fork(),
            }
        });
        let visitors = visitors.collect();
        Self { began, cluster, clients, visitors, orders, auditors, texts, dice }
    }

    async fn run(mut self) -> Outcome {
        let tracker = self.cluster.ground().tracker.clone();
        for number in 0..self.cluster.count() {
            tracker.spawn(self.cluster.clone().keep(number, self.dice.fork()));
        }
        let count = self.clients.len();
        for visitor in std::mem::take(&mut self.visitors) {
            tracker.spawn(visitor.visit());
        }
        for client in std::mem::take(&mut self.clients) {
            client.expect_company();
            let history = self.cluster.ground().history.clone();
            tracker.spawn(async move { history.watch(client.live()).await });
        }
        let faults = faults::schedule(&mut self.dice, SPAN, self.cluster.count(), count);
        faults::befall(faults, self.began, self.cluster.clone(), std::mem::take(&mut self.orders)).await;
        self.settle().await;
        self.cluster.ground().history.finish()
    }

    /// Waits until everything is answered and everybody has all, and then whether more comes.
    async fn settle(&mut self) {
        let deadline = (self.began + SPAN).max(Instant::now()) + LIVE_WITHIN;
        let history = self.cluster.ground().history.clone();
        loop {
            self.audit().await;
            if self.began + SPAN < Instant::now() && history.is_complete() {
                break;
            }
            if deadline < Instant::now() {
                return history.wrong(format!("not all was there {LIVE_WITHIN:?} after the last fault"));
            }
            sleep(LOOK).await;
        }
        self.meet(deadline - LIVE_WITHIN + KNOWN_WITHIN).await;
        sleep(QUIET).await;
        self.audit().await;
    }

    /// Waits until everybody knows who is there.
    async fn meet(&self, deadline: Instant) {
        let Ground { roll, history, .. } = self.cluster.ground();
        loop {
            let mistaken = roll.mistaken();
            if mistaken.is_empty() {
                return;
            }
            if deadline < Instant::now() {
                let number = mistaken.len();
                return history.wrong(format!(
                    "{}, as {number} in all {KNOWN_WITHIN:?} after the last fault",
                    mistaken[0]
                ));
            }
            sleep(LOOK).await;
        }
    }

    /// Has the log show what it has: without holes, everything once, nothing that was refused for good.
    async fn audit(&mut self) {
        let Ground { disk, history, .. } = self.cluster.ground();
        for (room, auditor) in self.auditors.iter_mut().enumerate() {
            for message in disk.audit(room, auditor.seen).await {
                let shown = match self.texts.read(message.draft.text.as_str()) {
                    Heard::Ours(said) => Shown::Ours(said.id),
                    Heard::Foreign | Heard::Broken => Shown::Broken,
                };
                history.show(auditor.member, message.seq, shown);
                auditor.seen = message.seq;
            }
        }
    }
}

/// Draws a client. Tutorial clients are in the first room alone; the others in one or both of the large ones,
/// and some in one of the small ones.
fn cast(rooms: &[RoomName], members: &mut Vec<Member>, dice: &mut Dice) -> Cast {
    let dialect = match dice.between(1, 10) {
        1..=2 => Dialect::Tutorial,
        3 => Dialect::Api,
        _ => Dialect::Native,
    };
    let mut within: Vec<usize> = match (dialect, dice.between(1, 4)) {
        (Dialect::Tutorial, _) | (_, 1) => vec![0],
        (_, 2) => vec![1],
        _ => vec![0, 1],
    };
    if dialect != Dialect::Tutorial && dice.percent(40) {
        within.push(LARGE + dice.below(rooms.len() - LARGE));
    }
    // All seats together send no more at one time than the node takes, as it has told them.
    let window = (QUEUE_MAX / within.len()) as u64;
    let seats = within.into_iter().map(|room| {
        members.push(Member { room, dense: true, after: 0 });
        let window = if dialect == Dialect::Native { dice.between(1, window) as usize } else { 1 };
        Seat::new(members.len() - 1, rooms[room].clone(), window)
    });
    Cast { dialect, seats: seats.collect() }
}

/// Draws who says something when, and on which seat. Some of it comes in bursts.
fn plans(casts: &[Cast], began: Instant, dice: &mut Dice) -> Vec<Vec<(Instant, usize)>> {
    let mut plans: Vec<Vec<(Instant, usize)>> = casts.iter().map(|_| Vec::new()).collect();
    let (mut said, wanted) = (0, MESSAGES_MIN + dice.between(0, 40));
    while said < wanted {
        let client = dice.below(casts.len());
        let at = began + dice.ms(0, SPAN.as_millis() as u64);
        let burst = if dice.percent(30) { dice.between(2, 8) } else { 1 };
        for _ in 0..burst {
            let seat = dice.below(casts[client].seats.len());
            plans[client].push((at + dice.ms(0, 10), seat));
            said += 1;
        }
    }
    plans.iter_mut().for_each(|plan| plan.sort());
    plans
}
