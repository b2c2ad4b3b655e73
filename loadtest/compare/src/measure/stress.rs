//! Stress: mass reconnects, mass connects, a flapping network, and replay of a long history.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    node_state::{head_of, wait_until_idle},
    scale::Scale,
};
use crate::{
    contender::{Paths, RunningContender},
    load::{
        catch_up,
        checker::{CheckerRun, TUTORIAL, run_checker},
        connections,
        flapping::FlappingProxy,
        senders::store_messages,
    },
    numbers::{Numbers, VIOLATIONS},
};

/// Clients of the process that is killed.
const STORM_CLIENTS: u64 = 10_000;
/// Messages that each of them misses.
const STORM_MISSED: u64 = 100;
/// Clients that connect at once.
const NEW_CLIENTS: u64 = 20_000;
/// Messages that one client replays.
const REPLAYED: u64 = 100_000;
/// How long chorus-load's clients take to connect and start sending.
const CONNECTING: Duration = Duration::from_secs(1);
/// Lifetime of a connection in the flapping network.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(1);

// Names of measurements.
pub(crate) const CAUGHT_UP: &str = "all complete after s";
pub(crate) const CONNECTED: &str = "all connected after s";
const FAILED: &str = "tries that failed";
pub(crate) const REPLAYED_TUTORIAL: &str = "complete on / after s";
pub(crate) const REPLAYED_NATIVE: &str = "complete on /chat after s";
pub(crate) const P99_BEFORE: &str = "others' delivery p99 ms before";
pub(crate) const P99_MEANWHILE: &str = "others' delivery p99 ms meanwhile";

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn as_number(count: usize) -> f64 {
    count as f64
}

/// Many clients of a killed node reconnect to the other one at once.
pub(crate) async fn storm(running: &mut RunningContender, scale: Scale) -> anyhow::Result<Numbers> {
    let (urls, clients) = (running.urls(), scale.clients(STORM_CLIENTS));
    store_messages(&urls[1], 1).await?;
    let connections = connections::open(&urls[..1], clients).await?;
    running.processes[0].kill().await?;
    drop(connections);
    store_messages(&urls[1], STORM_MISSED).await?;
    let caught_up = catch_up::catch_up_all(&urls[1], clients, 1, 1 + STORM_MISSED).await?;
    Ok(vec![
        ("clients", as_number(clients)),
        (CAUGHT_UP, caught_up.took.as_secs_f64()),
        (FAILED, as_number(usize::try_from(caught_up.failed_attempts)?)),
    ])
}

/// Many new clients connect at once.
pub(crate) async fn connects(running: &RunningContender, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, clients) = (&running.urls()[0], scale.clients(NEW_CLIENTS));
    let cpu = running.cpu()?;
    let caught_up = catch_up::catch_up_all(url, clients, 0, 0).await?;
    let cpu_us = (running.cpu()? - cpu) * 1e6 / as_number(clients);
    Ok(vec![
        ("clients", as_number(clients)),
        (CONNECTED, caught_up.took.as_secs_f64()),
        (FAILED, as_number(usize::try_from(caught_up.failed_attempts)?)),
        ("CPU µs/connect", cpu_us),
    ])
}

/// A network that breaks every connection after a second.
pub(crate) async fn flapping(
    running: &mut RunningContender,
    paths: &Paths,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let mut proxies = Vec::new();
    for process in &running.processes {
        proxies.push(FlappingProxy::start(process.addr, CONNECTION_LIFETIME).await?);
    }
    running.proxies = proxies.iter().map(|proxy| format!("http://{}", proxy.addr)).collect();
    let length = format!("{}ms", scale.broken_duration().as_millis());
    let options = [&TUTORIAL[..], &["--clients=50", "--rate=50", "--duration", &length]].concat();
    let run = run_checker(running, &paths.programs, &options, None).await?;
    Ok(vec![
        ("reconnects", run.number("/connections/reconnects")),
        ("acked", run.number("/messages/acked")),
        ("delivered", run.number("/messages/delivered")),
        ("delivery p99 ms", run.number("/delivery/all/p99Ms")),
        (VIOLATIONS, run.violations()),
    ])
}

/// One client replays a long history again and again, while other clients exchange messages.
pub(crate) async fn replay(
    running: &mut RunningContender,
    paths: &Paths,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let url = running.urls().remove(0);
    store_messages(&url, REPLAYED / scale.divisor).await?;
    wait_until_idle(running, scale).await?;
    let length = format!("{}ms", scale.duration.as_millis());
    let options = [&TUTORIAL[..], &["--clients=100", "--rate=200", "--duration", &length]].concat();
    let before = run_checker(running, &paths.programs, &options, None).await?;
    let head = head_of(&url).await?;
    let replaying = async {
        sleep(CONNECTING).await;
        let (begin, mut all) = (Instant::now(), Vec::new());
        while all.is_empty() || begin.elapsed() < scale.duration {
            all.push(catch_up::replay(&url, head).await?);
        }
        anyhow::Ok(all)
    };
    let (meanwhile, replays) = tokio::join!(run_checker(running, &paths.programs, &options, None), replaying);
    let (meanwhile, replays) = (meanwhile?, replays?);
    let slowest =
        |namespace: usize| replays.iter().map(|took| took[namespace].as_secs_f64()).fold(0.0, f64::max);
    let p99 = |run: &CheckerRun| run.number("/delivery/all/p99Ms");
    Ok(vec![
        ("messages", as_number(usize::try_from(head)?)),
        ("replays", as_number(replays.len())),
        (REPLAYED_TUTORIAL, slowest(0)),
        (REPLAYED_NATIVE, slowest(1)),
        (P99_BEFORE, p99(&before)),
        (P99_MEANWHILE, p99(&meanwhile)),
        (VIOLATIONS, before.violations() + meanwhile.violations()),
    ])
}
