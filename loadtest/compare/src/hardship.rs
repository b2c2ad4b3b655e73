//! Loads that a system meets seldom: crowds that come at once, breaking networks, long absences.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    contender::{Place, Running},
    crowd,
    flood::say,
    growth::{head_of, settle},
    load::{Loaded, load},
    scenario::{COMMON, Numbers, Scale, VIOLATIONS},
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
/// Of a killed node's clients, at the other one.
pub(crate) const COMPLETE: &str = "all complete after s";
/// Of new clients.
pub(crate) const CONNECTED: &str = "all connected after s";
/// Tries to connect, each of which was followed by another.
const FAILED: &str = "tries that failed";
/// Of one client that missed very much.
pub(crate) const REPLAYED_TUTORIAL: &str = "complete on / after s";
/// The same.
pub(crate) const REPLAYED_NATIVE: &str = "complete on /chat after s";
/// Of the others.
pub(crate) const P99_BEFORE: &str = "others' delivery p99 ms before";
/// The same while messages are replayed, over and over.
pub(crate) const P99_MEANWHILE: &str = "others' delivery p99 ms meanwhile";

#[expect(clippy::cast_possible_truncation, reason = "crowds are far below 2^32")]
pub(crate) fn clients(all: u64, scale: Scale) -> usize {
    // Two, so that there is one at each node.
    (all / scale.less).clamp(2, scale.most) as usize
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
        (FAILED, figure(usize::try_from(returned.failed)?)),
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
        (FAILED, figure(usize::try_from(returned.failed)?)),
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

/// Among others who go on talking, and what these notice while it is done over and over.
pub(crate) async fn replay(running: &mut Running, place: &Place, scale: Scale) -> anyhow::Result<Numbers> {
    let url = running.urls().remove(0);
    say(&url, REPLAY / scale.less).await?;
    settle(running, scale).await?;
    let length = format!("{}ms", scale.duration.as_millis());
    let options = [&COMMON[..], &["--clients=100", "--rate=200", "--duration", &length]].concat();
    let before = load(running, &place.programs, &options, None).await?;
    let missed = head_of(&url).await?;
    let again = async {
        sleep(CONNECTING).await;
        let (begin, mut all) = (Instant::now(), Vec::new());
        while all.is_empty() || begin.elapsed() < scale.duration {
            all.push(storm::replay(&url, missed).await?);
        }
        anyhow::Ok(all)
    };
    let (meanwhile, replays) = tokio::join!(load(running, &place.programs, &options, None), again);
    let (meanwhile, replays) = (meanwhile?, replays?);
    let slowest = |on: usize| replays.iter().map(|took| took[on].as_secs_f64()).fold(0.0, f64::max);
    let p99 = |loaded: &Loaded| loaded.number("/delivery/all/p99Ms");
    Ok(vec![
        ("messages", figure(usize::try_from(missed)?)),
        ("replays", figure(replays.len())),
        (REPLAYED_TUTORIAL, slowest(0)),
        (REPLAYED_NATIVE, slowest(1)),
        (P99_BEFORE, p99(&before)),
        (P99_MEANWHILE, p99(&meanwhile)),
        (VIOLATIONS, before.violations() + meanwhile.violations()),
    ])
}
