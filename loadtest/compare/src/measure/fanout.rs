//! Fan-out: CPU per delivery, throughput and latency of messages to one large room.

use super::scale::Scale;
use crate::{
    contender::{Paths, RunningContender},
    load::checker::{CheckerRun, TUTORIAL, run_checker},
    numbers::{ACKED, CPU_DELIVERY, DELIVERY_P99, Numbers, VIOLATIONS},
};

pub(crate) async fn measure(
    running: &mut RunningContender,
    paths: &Paths,
    load: &[&str],
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let duration = format!("{}ms", scale.duration.as_millis());
    let options = [&TUTORIAL, load, &["--duration", &duration]].concat();
    let run = run_checker(running, &paths.programs, &options, None).await?;
    let delivered = run.number("/messages/delivered");
    let mut numbers = vec![
        (CPU_DELIVERY, run.cpu * 1e6 / delivered),
        ("deliveries/s", run.number("/messages/deliveredPerSecond")),
        (ACKED, run.number("/messages/ackedPerSecond")),
    ];
    numbers.extend(latencies(&run));
    Ok(numbers)
}

pub(crate) fn latencies(run: &CheckerRun) -> Numbers {
    vec![
        ("ack p50 ms", run.number("/ack/p50Ms")),
        ("ack p99 ms", run.number("/ack/p99Ms")),
        ("delivery p50 ms", run.number("/delivery/all/p50Ms")),
        (DELIVERY_P99, run.number("/delivery/all/p99Ms")),
        (VIOLATIONS, run.violations()),
    ]
}
