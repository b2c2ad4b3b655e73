//! Loads that a system meets seldom: crowds that come at once, breaking networks, long absences, long histories.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

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
    crowd,
    flood::{Flood, Voice, flood, say},
    load::{Loaded, load},
    scenario::{COMMON, Numbers, Scale, VIOLATIONS, quantile_ms},
    storm::{self, Flapping},
};

/// Clients of the process that is killed.
const STORM: u64 = 10_000;
/// What each of them missed.
const MISSED: u64 = 100;
/// New clients.
const CONNECTS: u64 = 20_000;
/// What one client missed.
const REPLAY: u64 = 100_000;
/// Until chorus-load's clients are together and talk.
const CONNECTING: Duration = Duration::from_secs(1);
/// How long a connection lives in a network that breaks.
const FLAP: Duration = Duration::from_secs(1);
/// Stored messages, and the names of what is measured there.
const GROWTH: [(u64, &str, &str); 4] = [
    (1_000, "join p99 ms at 1k", "ack p99 ms at 1k"),
    (100_000, "join p99 ms at 100k", "ack p99 ms at 100k"),
    (1_000_000, "join p99 ms at 1M", "ack p99 ms at 1M"),
    (10_000_000, "join p99 ms at 10M", "ack p99 ms at 10M"),
];
/// Clients of one room, and the names of what is measured with so many.
const CLIENTS: [(u64, &str, &str); 4] = [
    (100, "CPU µs/delivery at 100", "delivery p99 ms at 100"),
    (500, "CPU µs/delivery at 500", "delivery p99 ms at 500"),
    (2_000, "CPU µs/delivery at 2k", "delivery p99 ms at 2k"),
    (10_000, "CPU µs/delivery at 10k", "delivery p99 ms at 10k"),
];
/// Rooms in which the clients are, and the names of what is measured with so many.
const ROOMS: [(u64, &str, &str); 3] = [
    (100, "CPU µs/message in 100", "delivery p99 ms in 100"),
    (1_000, "CPU µs/message in 1k", "delivery p99 ms in 1k"),
    (10_000, "CPU µs/message in 10k", "delivery p99 ms in 10k"),
];
/// Clients that are dealt to the rooms.
const DEALT: u64 = 10_000;
/// A node is quiet when it used less than this part of a core for so long.
const IDLE: f64 = 0.01;
const QUIET: Duration = Duration::from_secs(3);
/// It is waited for no longer than this.
const SETTLE_MAX: Duration = Duration::from_secs(300);
/// Names of numbers that are looked at again.
pub(crate) const COMPLETE: &str = "all complete after s";
pub(crate) const CONNECTED: &str = "all connected after s";
pub(crate) const REPLAYED_TUTORIAL: &str = "complete on / after s";
pub(crate) const REPLAYED_NATIVE: &str = "complete on /chat after s";
pub(crate) const P99_ALONE: &str = "others' delivery p99 ms before";
pub(crate) const P99_BESIDE: &str = "and meanwhile";
/// Tries to connect that failed and were followed by another.
const TRIED_AGAIN: &str = "tries that failed";

/// How often joins and acks are looked at for each size; the median counts, since a few slow ones make a p99.
const LOOKS: usize = 5;
/// Joins of a look.
const JOINS: usize = 200;

#[expect(clippy::cast_possible_truncation, reason = "crowds are far below 2^32")]
fn clients(all: u64, scale: Scale) -> usize {
    (all / scale.less).min(scale.most) as usize
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn figure(count: usize) -> f64 {
    count as f64
}

pub(crate) async fn storm(running: &mut Running, scale: Scale) -> anyhow::Result<Numbers> {
    let (urls, clients) = (running.urls(), clients(STORM, scale));
    say(&urls[1], 1).await?;
    let crowd = crowd::gather(&urls[..1], clients).await?;
    running.servers[0].kill().await?;
    drop(crowd);
    say(&urls[1], MISSED).await?;
    let returned = storm::return_all(&urls[1], clients, 1, 1 + MISSED).await?;
    Ok(vec![
        ("clients", figure(clients)),
        (COMPLETE, returned.took.as_secs_f64()),
        (TRIED_AGAIN, figure(usize::try_from(returned.failed)?)),
        (VIOLATIONS, 0.0),
    ])
}

pub(crate) async fn connects(running: &Running, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, clients) = (&running.urls()[0], clients(CONNECTS, scale));
    let cpu = running.cpu()?;
    let returned = storm::return_all(url, clients, 0, 0).await?;
    let cpu_us = (running.cpu()? - cpu) * 1e6 / figure(clients);
    Ok(vec![
        ("clients", figure(clients)),
        (CONNECTED, returned.took.as_secs_f64()),
        (TRIED_AGAIN, figure(usize::try_from(returned.failed)?)),
        ("CPU µs/connect", cpu_us),
    ])
}

pub(crate) async fn flapping(
    running: &mut Running,
    place: &Place,
    duration: Duration,
) -> anyhow::Result<Numbers> {
    let mut ways = Vec::new();
    for server in &running.servers {
        ways.push(Flapping::to(server.addr, FLAP).await?);
    }
    running.ways = ways.iter().map(|way| format!("http://{}", way.addr)).collect();
    let length = format!("{}ms", duration.as_millis());
    let options = [&COMMON[..], &["--clients=50", "--rate=50", "--duration", &length]].concat();
    let loaded = load(running, &place.programs, &options, None).await?;
    Ok(vec![
        ("reconnects", loaded.number("/connections/reconnects")),
        ("acked", loaded.number("/messages/acked")),
        ("delivered", loaded.number("/messages/delivered")),
        ("delivery p99 ms", loaded.number("/delivery/all/p99Ms")),
        (VIOLATIONS, loaded.violations()),
    ])
}

/// Among others who go on talking, and what these notice of it.
pub(crate) async fn replay(running: &mut Running, place: &Place, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, missed) = (running.urls().remove(0), REPLAY / scale.less);
    say(&url, missed).await?;
    let length = format!("{}ms", scale.duration.as_millis());
    let options = [&COMMON[..], &["--clients=100", "--rate=50", "--duration", &length]].concat();
    let alone = load(running, &place.programs, &options, None).await?;
    let replay = async {
        sleep(CONNECTING).await;
        storm::replay(&url, missed).await
    };
    let (beside, replayed) = tokio::join!(load(running, &place.programs, &options, None), replay);
    let (beside, [tutorial, native]) = (beside?, replayed?);
    let p99 = |loaded: &Loaded| loaded.number("/delivery/all/p99Ms");
    Ok(vec![
        ("messages", figure(usize::try_from(missed)?)),
        (REPLAYED_TUTORIAL, tutorial.as_secs_f64()),
        (REPLAYED_NATIVE, native.as_secs_f64()),
        (P99_ALONE, p99(&alone)),
        (P99_BESIDE, p99(&beside)),
        (VIOLATIONS, alone.violations() + beside.violations()),
    ])
}

/// The same talk to ever more clients of one room.
pub(crate) async fn many_clients(
    running: &mut Running,
    place: &Place,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let (mut numbers, mut violations) = (Numbers::new(), 0.0);
    for (all, cpu, p99) in CLIENTS {
        let options = [format!("--clients={}", clients(all, scale)), "--rate=10".to_owned()];
        let loaded = crowded(running, place, scale, &options, "--namespace=tutorial").await?;
        violations += loaded.violations();
        numbers.push((cpu, loaded.cpu * 1e6 / loaded.number("/messages/delivered")));
        numbers.push((p99, loaded.number("/delivery/all/p99Ms")));
    }
    numbers.push((VIOLATIONS, violations));
    Ok(numbers)
}

/// Many clients, dealt to ever more rooms.
pub(crate) async fn many_rooms(
    running: &mut Running,
    place: &Place,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let (mut numbers, mut violations) = (Numbers::new(), 0.0);
    let dealt = format!("--clients={}", clients(DEALT, scale));
    for (all, cpu, p99) in ROOMS {
        let options = [dealt.clone(), format!("--rooms={}", clients(all, scale)), "--rate=200".to_owned()];
        let loaded = crowded(running, place, scale, &options, "--namespace=chat").await?;
        violations += loaded.violations();
        numbers.push((cpu, loaded.cpu * 1e6 / loaded.number("/messages/acked")));
        numbers.push((p99, loaded.number("/delivery/all/p99Ms")));
    }
    numbers.push((VIOLATIONS, violations));
    Ok(numbers)
}

async fn crowded(
    running: &mut Running,
    place: &Place,
    scale: Scale,
    options: &[String],
    namespace: &str,
) -> anyhow::Result<Loaded> {
    let length = format!("--duration={}ms", scale.duration.as_millis());
    let mut all = vec![namespace, "--connect-rate=1000", "--settle=20s", &length];
    all.extend(options.iter().map(String::as_str));
    load(running, &place.programs, &all, None).await
}

pub(crate) async fn growth(running: &Running, scale: Scale) -> anyhow::Result<Numbers> {
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
async fn settle(running: &Running, scale: Scale) -> anyhow::Result<()> {
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The newest message's place.
async fn head_of(url: &str) -> anyhow::Result<u64> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let path = "/api/rooms/lobby/messages?limit=1";
    let (_, body) = Http::new(target, Jar::default()).request(Method::GET, path, String::new()).await?;
    let page: serde_json::Value = serde_json::from_str(&body)?;
    page["messages"][0]["seq"].as_u64().context("the room is empty")
}

/// From connecting to having the last ten messages, one client after the other.
async fn joins(url: &str, head: u64) -> anyhow::Result<f64> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let (mut times, failed) = (Times::new(3)?, AtomicU64::new(0));
    for _ in 0..JOINS {
        let begin = Instant::now();
        storm::catch_up(&target, CHAT, head.saturating_sub(10), head, &failed).await?;
        times.record(u64::try_from(begin.elapsed().as_micros())?)?;
    }
    Ok(quantile_ms(&times, 0.99))
}
