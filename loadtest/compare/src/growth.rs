//! What becomes of joins, acks and deliveries as histories, rooms and crowds grow.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::http::Method;
use chorus_load::{
    http::{Http, Jar},
    latency::Times,
    socket::CHAT,
    target::Target,
};
use tokio::time::sleep;

use crate::{
    contender::{Place, Running},
    crowd::Failed,
    flood::{Flood, Voice, flood, say},
    hardship::clients,
    load::{Loaded, load},
    results::median,
    scenario::{Numbers, Scale, VIOLATIONS, quantile_ms},
    storm,
};

/// Names of numbers that are looked at again.
pub(crate) const JOIN_1K: &str = "join p99 ms at 1k";
pub(crate) const JOIN_1M: &str = "join p99 ms at 1M";
pub(crate) const ACK_1K: &str = "ack p99 ms at 1k";
pub(crate) const ACK_1M: &str = "ack p99 ms at 1M";
pub(crate) const CPU_500: &str = "CPU µs/delivery at 500";
pub(crate) const CPU_10K: &str = "CPU µs/delivery at 10k";

/// Stored messages, and the names of what is measured there.
const GROWTH: [(u64, &str, &str); 4] = [
    (1_000, JOIN_1K, ACK_1K),
    (100_000, "join p99 ms at 100k", "ack p99 ms at 100k"),
    (1_000_000, JOIN_1M, ACK_1M),
    (10_000_000, "join p99 ms at 10M", "ack p99 ms at 10M"),
];
/// Clients of one room, and the names of what is measured with so many.
const CLIENTS: [(u64, &str, &str); 4] = [
    (100, "CPU µs/delivery at 100", "delivery p99 ms at 100"),
    (500, CPU_500, "delivery p99 ms at 500"),
    (2_000, "CPU µs/delivery at 2k", "delivery p99 ms at 2k"),
    (10_000, CPU_10K, "delivery p99 ms at 10k"),
];
/// Rooms in which the clients are, and the names of what is measured with so many.
const ROOMS: [(u64, &str, &str); 3] = [
    (100, "CPU µs/message in 100", "delivery p99 ms in 100"),
    (1_000, "CPU µs/message in 1k", "delivery p99 ms in 1k"),
    (10_000, "CPU µs/message in 10k", "delivery p99 ms in 10k"),
];
/// Clients that are dealt to the rooms: at least two to each, one at each node.
const DEALT: u64 = 20_000;
/// A node is quiet when it used less than this part of a core for so long.
const IDLE: f64 = 0.01;
/// Longer than the pause between two rounds of its janitor.
const QUIET: Duration = Duration::from_secs(3);
/// It is waited for no longer than this.
const SETTLE_MAX: Duration = Duration::from_secs(240);
/// How often joins and acks are looked at for each size; the median counts, since a few slow ones make a p99.
const LOOKS: usize = 5;
/// Joins of a look.
const JOINS: usize = 200;

/// CPU and delays, size by size.
#[derive(Default)]
struct Curve {
    numbers: Numbers,
    violations: f64,
}

impl Curve {
    /// What one size took, CPU for each of what `counted` points at in the report.
    fn add(&mut self, [cpu, p99]: [&'static str; 2], counted: &str, loaded: &Loaded) {
        self.violations += loaded.violations();
        self.numbers.push((cpu, loaded.cpu * 1e6 / loaded.number(counted)));
        self.numbers.push((p99, loaded.number("/delivery/all/p99Ms")));
    }

    fn end(mut self) -> Numbers {
        self.numbers.push((VIOLATIONS, self.violations));
        self.numbers
    }
}

/// The same talk to ever more clients of one room.
pub(crate) async fn many_clients(
    running: &mut Running,
    place: &Place,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let mut curve = Curve::default();
    for (all, cpu, p99) in CLIENTS {
        let clients = clients(all, scale);
        // The fewer they are, the longer: CPU is counted in hundredths of a second.
        let length = scale.duration * if clients < 1_000 { 4 } else { 1 };
        let options = [format!("--clients={clients}"), "--rate=10".to_owned()];
        let loaded = crowded(running, place, length, &options, "--namespace=tutorial").await?;
        curve.add([cpu, p99], "/messages/delivered", &loaded);
    }
    Ok(curve.end())
}

/// Many clients, dealt to ever more rooms.
pub(crate) async fn many_rooms(
    running: &mut Running,
    place: &Place,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let (mut curve, dealt) = (Curve::default(), clients(DEALT, scale));
    for (all, cpu, p99) in ROOMS {
        let rooms = clients(all, scale).min(dealt / 2);
        let options = [format!("--clients={dealt}"), format!("--rooms={rooms}"), "--rate=200".to_owned()];
        let loaded = crowded(running, place, scale.duration, &options, "--namespace=chat").await?;
        curve.add([cpu, p99], "/messages/acked", &loaded);
    }
    Ok(curve.end())
}

async fn crowded(
    running: &mut Running,
    place: &Place,
    length: Duration,
    options: &[String],
    namespace: &str,
) -> anyhow::Result<Loaded> {
    let length = format!("--duration={}ms", length.as_millis());
    let mut all = vec![namespace, "--connect-rate=1000", "--settle=20s", &length];
    all.extend(options.iter().map(String::as_str));
    load(running, &place.programs, &all, None).await
}

/// Joins and acks as the history grows.
pub(crate) async fn history(running: &Running, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, mut numbers, mut head) = (&running.urls()[0], Numbers::new(), 0);
    for (size, join, ack) in GROWTH {
        say(url, (size / scale.less).saturating_sub(head)).await?;
        head = head_of(url).await?;
        settle(running, scale).await?;
        let (mut join_ms, mut ack_ms) = (Vec::new(), Vec::new());
        for _ in 0..LOOKS {
            join_ms.push(joins(url, head).await?);
            let (senders, rate) = (4, Some(200.0));
            let acks = Flood { voice: Voice::Native, senders, in_flight: 64, rate, duration: scale.duration };
            let flooded = flood(&running.urls(), acks).await?;
            head = head_of(url).await?;
            ack_ms.push(quantile_ms(&flooded.times, 0.99));
        }
        numbers.extend([(join, median(join_ms)), (ack, median(ack_ms))]);
    }
    Ok(numbers)
}

/// Waits until what was begun in the background is done, such as the index of what came: it is seen by the CPU
/// that it takes. Of very many messages not all of it is waited for.
pub(crate) async fn settle(running: &Running, scale: Scale) -> anyhow::Result<()> {
    let begin = Instant::now();
    let patience = SETTLE_MAX / u32::try_from(scale.less)?;
    loop {
        let before = running.cpu()?;
        sleep(QUIET).await;
        if running.cpu()? - before < QUIET.as_secs_f64() * IDLE || patience < begin.elapsed() {
            return Ok(());
        }
    }
}

/// The newest message's place.
pub(crate) async fn head_of(url: &str) -> anyhow::Result<u64> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let path = "/api/rooms/lobby/messages?limit=1";
    let (_, body) = Http::new(target, Jar::default()).request(Method::GET, path, String::new()).await?;
    let page: serde_json::Value = serde_json::from_str(&body)?;
    page["messages"][0]["seq"].as_u64().context("the room is empty")
}

/// From connecting to having the last ten messages, one client after the other.
async fn joins(url: &str, head: u64) -> anyhow::Result<f64> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let (mut times, failed) = (Times::new(3)?, Failed::default());
    for _ in 0..JOINS {
        let begin = Instant::now();
        storm::catch_up(&target, CHAT, head.saturating_sub(10), head, &failed).await?;
        times.record(u64::try_from(begin.elapsed().as_micros())?)?;
    }
    Ok(quantile_ms(&times, 0.99))
}
