//! What is measured: one contender under one load, as numbers with names.

use std::time::Duration;

use anyhow::ensure;
use clap::ValueEnum;
use tokio::time::sleep;

use crate::{
    contender::{Contender, Place, Running},
    crowd,
    flood::{Flood, Flooded, Voice, flood},
    growth, hardship,
    load::{Loaded, load},
};

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// 500 clients on `/`, 200 messages a second.
    Fanout,
    /// 500 clients on `/`, 1,000 messages a second.
    FanoutHigh,
    /// 100 clients on `/`, each of which sends again as soon as it is answered.
    Saturation,
    /// 16 senders on `/` with 64 messages under way each, who receive what all say.
    Ingest,
    /// The same on `/chat` without joining; those that have only `/` are left out.
    IngestUnjoined,
    /// Connections that say nothing.
    Idle,
    /// As many of them as a process may have.
    IdleMany,
    /// The clients of a killed process come back to the other one.
    Recovery,
    /// Many clients of a killed process come back at once, each with 100 missed messages.
    Storm,
    /// Many new clients come at once.
    Connects,
    /// A network that breaks every connection once a second.
    Flapping,
    /// One client that missed very much.
    Replay,
    /// Joins and acks as the history grows.
    Growth,
    /// One room, and ever more clients in it.
    Clients,
    /// Many clients in ever more rooms.
    Rooms,
}

/// How long and how much.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// For how long messages are sent.
    pub(crate) duration: Duration,
    /// Connections that say nothing.
    pub(crate) crowd: usize,
    /// What is large is divided by this.
    pub(crate) less: u64,
    /// No more connections than this: each is a file of the process that measures, and of the one that is measured.
    pub(crate) most: u64,
}

/// Numbers, by their names; a unit is part of a name.
pub(crate) type Numbers = Vec<(&'static str, f64)>;

/// Connections of a crowd that is as large as can be.
const IDLE_MANY: u64 = 20_000;
/// After connections were made, what they left behind is given so long to settle.
const SETTLE: Duration = Duration::from_secs(1);
/// Where a process is killed, messages are sent for at least this long.
const RECOVERY: Duration = Duration::from_secs(6);

impl Scenario {
    /// As it is called in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("none is hidden").get_name().to_owned()
    }

    /// Whether it says something about this contender.
    pub(crate) fn suits(self, contender: Contender) -> bool {
        match self {
            Self::Fanout | Self::FanoutHigh | Self::Saturation => true,
            Self::Ingest => contender.keeps(),
            Self::IngestUnjoined => contender.is_chorus(),
            Self::Idle => {
                !matches!(contender, Contender::FloorGathered | Contender::NodeWal2 | Contender::Chorus3)
            }
            Self::Recovery => contender.keeps() && 1 < contender.processes(),
            Self::Storm | Self::Flapping | Self::Clients | Self::Rooms => contender == Contender::Chorus2,
            Self::IdleMany | Self::Connects | Self::Replay | Self::Growth => contender == Contender::Chorus1,
        }
    }

    /// Whether it is long, and is measured in the first round only.
    pub(crate) fn is_long(self) -> bool {
        use Scenario::{Clients, Connects, Flapping, Growth, IdleMany, Replay, Rooms, Storm};
        matches!(self, IdleMany | Storm | Connects | Flapping | Replay | Growth | Clients | Rooms)
    }

    /// Starts the contender, loads it and ends it.
    ///
    /// # Errors
    ///
    /// It does not start, or fails under the load.
    pub(crate) async fn run(
        self,
        contender: Contender,
        place: &Place,
        scale: Scale,
    ) -> anyhow::Result<Numbers> {
        let mut running = Running::start(contender, place).await?;
        // A contender that keeps nothing loses nothing either, and would show what is sent again.
        running.ack_timeout = if contender.keeps() { "--ack-timeout=2s" } else { "--ack-timeout=60s" };
        let duration = format!("{}ms", scale.duration.as_millis());
        match self {
            Self::Fanout => fanout(&mut running, place, &["--clients=500", "--rate=200"], &duration).await,
            Self::FanoutHigh => {
                fanout(&mut running, place, &["--clients=500", "--rate=1000"], &duration).await
            }
            Self::Saturation => {
                fanout(&mut running, place, &["--clients=100", "--in-flight=1"], &duration).await
            }
            Self::Ingest => ingest(&running, Voice::Tutorial, scale).await,
            Self::IngestUnjoined => ingest(&running, Voice::Native, scale).await,
            Self::Idle => idle(&running, scale.crowd.min(usize::try_from(scale.most)?)).await,
            Self::IdleMany => {
                idle(&running, usize::try_from((IDLE_MANY / scale.less).min(scale.most))?).await
            }
            Self::Recovery => recovery(&mut running, place, scale.duration.max(RECOVERY)).await,
            Self::Storm => hardship::storm(&mut running, scale).await,
            Self::Connects => hardship::connects(&running, scale).await,
            Self::Flapping => hardship::flapping(&mut running, place, scale.duration.max(RECOVERY)).await,
            Self::Replay => hardship::replay(&mut running, place, scale).await,
            Self::Growth => growth::history(&running, scale).await,
            Self::Clients => growth::many_clients(&mut running, place, scale).await,
            Self::Rooms => growth::many_rooms(&mut running, place, scale).await,
        }
    }
}

/// Unanswered messages are sent again sooner than by default, so that a lost ack does not stop its sender for long.
pub(crate) const COMMON: [&str; 3] = ["--namespace=tutorial", "--connect-rate=1000", "--settle=20s"];

async fn fanout(
    running: &mut Running,
    place: &Place,
    load_is: &[&str],
    duration: &str,
) -> anyhow::Result<Numbers> {
    let options = [&COMMON, load_is, &["--duration", duration]].concat();
    let loaded = load(running, &place.programs, &options, None).await?;
    let delivered = loaded.number("/messages/delivered");
    let mut numbers = vec![
        (CPU_DELIVERY, loaded.cpu * 1e6 / delivered),
        ("deliveries/s", loaded.number("/messages/deliveredPerSecond")),
        (ACKED, loaded.number("/messages/ackedPerSecond")),
    ];
    numbers.extend(latencies(&loaded));
    Ok(numbers)
}

fn latencies(loaded: &Loaded) -> Numbers {
    vec![
        ("ack p50 ms", loaded.number("/ack/p50Ms")),
        ("ack p99 ms", loaded.number("/ack/p99Ms")),
        ("delivery p50 ms", loaded.number("/delivery/all/p50Ms")),
        (DELIVERY_P99, loaded.number("/delivery/all/p99Ms")),
        (VIOLATIONS, loaded.violations()),
    ]
}

/// Names of numbers that are looked at again.
pub(crate) const CPU_DELIVERY: &str = "CPU µs/delivery";
pub(crate) const DELIVERY_P99: &str = "delivery p99 ms";
pub(crate) const ACKED: &str = "acked/s";
pub(crate) const ACK_P99_HALF: &str = "ack p99 ms at half";
pub(crate) const RSS: &str = "RSS KB/connection";
/// Lost, doubled, inverted, and what else chorus-load calls wrong.
pub(crate) const VIOLATIONS: &str = "violations";

async fn recovery(running: &mut Running, place: &Place, duration: Duration) -> anyhow::Result<Numbers> {
    let length = format!("{}ms", duration.as_millis());
    let options = [&COMMON[..], &["--clients=200", "--rate=100", "--duration", &length]].concat();
    let loaded = load(running, &place.programs, &options, Some(duration / 3)).await?;
    let recovered = loaded.number("/connections/recovery/count");
    ensure!(0.0 < recovered, "no client came back");
    let mut numbers = vec![
        ("recovered", recovered),
        ("recovery p50 ms", loaded.number("/connections/recovery/p50Ms")),
        ("recovery p99 ms", loaded.number("/connections/recovery/p99Ms")),
    ];
    numbers.extend(latencies(&loaded));
    Ok(numbers)
}

/// As much as is taken; then half of that, for the latency at a load that a system is run at.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
async fn ingest(running: &Running, voice: Voice, scale: Scale) -> anyhow::Result<Numbers> {
    let (urls, senders, in_flight, duration) = (running.urls(), 16, 64, scale.duration);
    let full = Flood { voice, senders, in_flight, rate: None, duration };
    let before = running.cpu()?;
    let Flooded { acked, refused, unanswered, times } = flood(&urls, full).await?;
    let cpu = running.cpu()? - before;
    let per_second = acked as f64 / duration.as_secs_f64();
    ensure!(0 < acked, "nothing was acked");
    let half = flood(&urls, Flood { rate: Some(per_second / 2.0), ..full }).await?;
    Ok(vec![
        (ACKED, per_second),
        ("CPU µs/message", cpu * 1e6 / (per_second * duration.as_secs_f64())),
        ("ack p50 ms", quantile_ms(&times, 0.5)),
        ("ack p99 ms", quantile_ms(&times, 0.99)),
        ("acked/s at half", half.acked as f64 / duration.as_secs_f64()),
        ("ack p50 ms at half", quantile_ms(&half.times, 0.5)),
        (ACK_P99_HALF, quantile_ms(&half.times, 0.99)),
        ("refused", (refused + half.refused) as f64),
        ("unanswered", (unanswered + half.unanswered) as f64),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 microseconds")]
pub(crate) fn quantile_ms(times: &chorus_load::latency::Times, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "a crowd is far below 2^53")]
async fn idle(running: &Running, connections: usize) -> anyhow::Result<Numbers> {
    let (rss, cpu) = (running.rss()?, running.cpu()?);
    let crowd = crowd::gather(&running.urls(), connections).await?;
    sleep(SETTLE).await;
    let each = |all: f64| all / crowd.len() as f64;
    Ok(vec![
        ("connections", crowd.len() as f64),
        (RSS, each(running.rss()? - rss) / 1_000.0),
        ("CPU µs/connect", each(running.cpu()? - cpu) * 1e6),
    ])
}
