//! A line a second on stderr, for whoever watches.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::client::Shared;

/// Tells for ever how far the run is.
pub async fn tell(shared: Arc<Shared>) {
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
