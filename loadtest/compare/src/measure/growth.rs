//! Growth: joins, acks and deliveries as the history, the room and the number of rooms grow.

use std::time::{Duration, Instant};

use chorus_load::{dialect::Dialect, latency::Times, target::Target};

use super::{
    node_state::{head_of, wait_until_idle},
    scale::Scale,
};
use crate::{
    contender::{Paths, RunningContender},
    load::{
        catch_up::catch_up,
        checker::{CheckerRun, run_checker},
        connections::FailedAttempts,
        senders::{SenderLoad, run_senders, store_messages},
    },
    numbers::{Numbers, VIOLATIONS, median, quantile_ms},
};

// Names of measurements that the tables use.
pub(crate) const JOIN_1K: &str = "join p99 ms at 1k";
pub(crate) const JOIN_1M: &str = "join p99 ms at 1M";
pub(crate) const ACK_1K: &str = "ack p99 ms at 1k";
pub(crate) const ACK_1M: &str = "ack p99 ms at 1M";
pub(crate) const CPU_500: &str = "CPU µs/delivery at 500";
pub(crate) const CPU_10K: &str = "CPU µs/delivery at 10k";

/// Stored messages, and the names of the measurements at this size.
const HISTORY_SIZES: [(u64, &str, &str); 4] = [
    (1_000, JOIN_1K, ACK_1K),
    (100_000, "join p99 ms at 100k", "ack p99 ms at 100k"),
    (1_000_000, JOIN_1M, ACK_1M),
    (10_000_000, "join p99 ms at 10M", "ack p99 ms at 10M"),
];
/// Clients of one room, and the names of the measurements at this size.
const CLIENT_COUNTS: [(u64, &str, &str); 4] = [
    (100, "CPU µs/delivery at 100", "delivery p99 ms at 100"),
    (500, CPU_500, "delivery p99 ms at 500"),
    (2_000, "CPU µs/delivery at 2k", "delivery p99 ms at 2k"),
    (10_000, CPU_10K, "delivery p99 ms at 10k"),
];
/// Rooms, and the names of the measurements at this size.
const ROOM_COUNTS: [(u64, &str, &str); 3] = [
    (100, "CPU µs/message in 100", "delivery p99 ms in 100"),
    (1_000, "CPU µs/message in 1k", "delivery p99 ms in 1k"),
    (10_000, "CPU µs/message in 10k", "delivery p99 ms in 10k"),
];
/// Clients spread over the rooms: at least two per room, one at each node.
const ROOM_CLIENTS: u64 = 20_000;
/// Samples of each history size. Their median counts, because a few slow operations decide a p99.
const SAMPLES: usize = 5;
/// Joins per sample.
const JOINS: usize = 200;

/// Measurements by size.
#[derive(Default)]
struct Curve {
    numbers: Numbers,
    violations: f64,
}

impl Curve {
    /// Adds a size; `cpu` is CPU time divided by the report's number at the JSON pointer `per`.
    fn add(&mut self, [cpu, p99]: [&'static str; 2], per: &str, run: &CheckerRun) {
        self.violations += run.violations();
        self.numbers.push((cpu, run.cpu * 1e6 / run.number(per)));
        self.numbers.push((p99, run.number("/delivery/all/p99Ms")));
    }

    fn into_numbers(mut self) -> Numbers {
        self.numbers.push((VIOLATIONS, self.violations));
        self.numbers
    }
}

/// 10 messages per second to more and more clients of one room.
pub(crate) async fn clients_of_one_room(
    running: &mut RunningContender,
    paths: &Paths,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let mut curve = Curve::default();
    for (full, cpu, p99) in CLIENT_COUNTS {
        let clients = scale.clients(full);
        // Longer for few clients, because the kernel counts CPU in hundredths of a second.
        let length = scale.duration * if clients < 1_000 { 4 } else { 1 };
        let options = [format!("--clients={clients}"), "--rate=10".to_owned()];
        let run = checker_run(running, paths, length, &options, "--namespace=tutorial").await?;
        curve.add([cpu, p99], "/messages/delivered", &run);
    }
    Ok(curve.into_numbers())
}

/// 200 messages per second to the same clients in more and more rooms.
pub(crate) async fn rooms(
    running: &mut RunningContender,
    paths: &Paths,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let (mut curve, clients) = (Curve::default(), scale.clients(ROOM_CLIENTS));
    for (full, cpu, p99) in ROOM_COUNTS {
        let rooms = scale.clients(full).min(clients / 2);
        let options = [format!("--clients={clients}"), format!("--rooms={rooms}"), "--rate=200".to_owned()];
        let run = checker_run(running, paths, scale.duration, &options, "--namespace=chat").await?;
        curve.add([cpu, p99], "/messages/acked", &run);
    }
    Ok(curve.into_numbers())
}

async fn checker_run(
    running: &mut RunningContender,
    paths: &Paths,
    length: Duration,
    options: &[String],
    namespace: &str,
) -> anyhow::Result<CheckerRun> {
    let length = format!("--duration={}ms", length.as_millis());
    let mut all = vec![namespace, "--connect-rate=1000", "--settle=20s", &length];
    all.extend(options.iter().map(String::as_str));
    run_checker(running, &paths.programs, &all, None).await
}

/// Latency of joins and acks as the history grows.
pub(crate) async fn history(running: &RunningContender, scale: Scale) -> anyhow::Result<Numbers> {
    let (url, mut numbers, mut head) = (&running.urls()[0], Numbers::new(), 0);
    for (size, join, ack) in HISTORY_SIZES {
        store_messages(url, (size / scale.divisor).saturating_sub(head)).await?;
        head = head_of(url).await?;
        wait_until_idle(running, scale).await?;
        let (mut join_ms, mut ack_ms) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            join_ms.push(join_p99_ms(url, head).await?);
            let load = SenderLoad {
                dialect: Dialect::Native,
                senders: 4,
                in_flight: 64,
                rate: Some(200.0),
                duration: scale.duration,
            };
            let answers = run_senders(&running.urls(), load).await?;
            head = head_of(url).await?;
            ack_ms.push(quantile_ms(&answers.ack_times, 0.99));
        }
        numbers.extend([(join, median(join_ms)), (ack, median(ack_ms))]);
    }
    Ok(numbers)
}

/// From connecting to having received the last ten messages, for one client after the other.
async fn join_p99_ms(url: &str, head: u64) -> anyhow::Result<f64> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let (mut times, failed) = (Times::new(3)?, FailedAttempts::default());
    for _ in 0..JOINS {
        let begin = Instant::now();
        catch_up(&target, Dialect::Native, head.saturating_sub(10), head, &failed).await?;
        times.record(u64::try_from(begin.elapsed().as_micros())?)?;
    }
    Ok(quantile_ms(&times, 0.99))
}
