//! Recovery: one process is killed under load, and its clients reconnect to another.

use anyhow::ensure;

use super::{fanout::latencies, scale::Scale};
use crate::{
    contender::{Paths, RunningContender},
    load::checker::{TUTORIAL, run_checker},
    numbers::Numbers,
};

pub(crate) async fn measure(
    running: &mut RunningContender,
    paths: &Paths,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let duration = scale.broken_duration();
    let length = format!("{}ms", duration.as_millis());
    let options = [&TUTORIAL[..], &["--clients=200", "--rate=100", "--duration", &length]].concat();
    let run = run_checker(running, &paths.programs, &options, Some(duration / 3)).await?;
    let recovered = run.number("/connections/recovery/count");
    ensure!(0.0 < recovered, "no client reconnected");
    let mut numbers = vec![
        ("recovered", recovered),
        ("recovery p50 ms", run.number("/connections/recovery/p50Ms")),
        ("recovery p99 ms", run.number("/connections/recovery/p99Ms")),
    ];
    numbers.extend(latencies(&run));
    Ok(numbers)
}
