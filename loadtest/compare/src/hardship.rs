//! Loads that a system meets seldom: crowds that come at once, breaking networks, long absences, long histories.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::http::Method;
use chorus_load::{
    http::{Http, Jar},
    latency::Times,
    socket::CHAT,
    target::Target,
};

use crate::{
    contender::{Place, Running},
    crowd,
    flood::{Flood, Voice, flood, say},
    load::load,
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
/// How long a connection lives in a network that breaks.
const FLAP: Duration = Duration::from_secs(1);
/// Stored messages, and the names of what is measured there.
const GROWTH: [(u64, &str, &str); 3] = [
    (1_000, "join p99 ms at 1k", "ack p99 ms at 1k"),
    (100_000, "join p99 ms at 100k", "ack p99 ms at 100k"),
    (1_000_000, "join p99 ms at 1M", "ack p99 ms at 1M"),
];
/// Joins at each size.
const JOINS: usize = 200;

#[expect(clippy::cast_possible_truncation, reason = "crowds are far below 2^32")]
fn clients(all: u64, scale: Scale) -> usize {
    (all / scale.less) as usize
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
    let took = storm::return_all(&urls[1], clients, 1, 1 + MISSED).await?;
    Ok(vec![("clients", figure(clients)), ("all complete after s", took.as_secs_f64()), (VIOLATIONS, 0.0)])
}

pub(crate) async fn connects(running: &Running, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, clients) = (&running.urls()[0], clients(CONNECTS, scale));
    let cpu = running.cpu()?;
    let took = storm::return_all(url, clients, 0, 0).await?;
    let cpu_us = (running.cpu()? - cpu) * 1e6 / figure(clients);
    Ok(vec![
        ("clients", figure(clients)),
        ("all connected after s", took.as_secs_f64()),
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

pub(crate) async fn replay(running: &Running, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, missed) = (&running.urls()[0], REPLAY / scale.less);
    say(url, missed).await?;
    let [tutorial, native] = storm::replay(url, missed).await?;
    Ok(vec![
        ("messages", figure(usize::try_from(missed)?)),
        ("complete on / after s", tutorial.as_secs_f64()),
        ("complete on /chat after s", native.as_secs_f64()),
    ])
}

pub(crate) async fn growth(running: &Running, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, mut numbers, mut head) = (&running.urls()[0], Numbers::new(), 0);
    for (size, join, ack) in GROWTH {
        say(url, (size / scale.less).saturating_sub(head)).await?;
        head = head_of(url).await?;
        numbers.push((join, joins(url, head).await?));
        let (senders, rate) = (4, Some(200.0));
        let acks = Flood { voice: Voice::Native, senders, in_flight: 64, rate, duration: scale.duration };
        let flooded = flood(&running.urls(), acks).await?;
        head = head_of(url).await?;
        numbers.push((ack, quantile_ms(&flooded.times, 0.99)));
    }
    Ok(numbers)
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
    let mut times = Times::new(3)?;
    for _ in 0..JOINS {
        let begin = Instant::now();
        storm::catch_up(&target, CHAT, head.saturating_sub(10), head).await?;
        times.record(u64::try_from(begin.elapsed().as_micros())?)?;
    }
    Ok(quantile_ms(&times, 0.99))
}
