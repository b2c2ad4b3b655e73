//! Progress output: one line a second on stderr.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::shared::Shared;

/// Prints the progress of the run until the task is dropped.
pub(crate) async fn print_progress(shared: Arc<Shared>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    for second in 1_u64.. {
        ticks.tick().await;
        let record = shared.record();
        let (verdict, reconnects) = (record.judge.so_far(), record.reconnects.iter().sum::<u32>());
        let line = format!(
            "{second:>4} s  connected {:>5}  reconnects {reconnects:>5}  offered {:>8}  acked {:>8}  delivered {:>10}  behind {:>8}  violations {}",
            record.connected,
            verdict.offered,
            verdict.acked,
            verdict.delivered,
            record.judge.behind(),
            verdict.violations(),
        );
        drop(record);
        eprintln!("{line}");
    }
}
