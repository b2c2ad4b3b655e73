//! Ingest: how many messages per second are stored, and the ack latency at half of that rate.

use anyhow::ensure;
use chorus_load::dialect::Dialect;

use super::scale::Scale;
use crate::{
    contender::RunningContender,
    load::senders::{SenderLoad, run_senders},
    numbers::{ACKED, Numbers, quantile_ms},
};

pub(crate) const ACK_P99_HALF: &str = "ack p99 ms at half";

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) async fn measure(
    running: &RunningContender,
    dialect: Dialect,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let (urls, duration) = (running.urls(), scale.duration);
    let full_load = SenderLoad { dialect, senders: 16, in_flight: 64, rate: None, duration };
    let cpu_before = running.cpu()?;
    let full = run_senders(&urls, full_load).await?;
    let cpu = running.cpu()? - cpu_before;
    ensure!(0 < full.acked, "nothing was acked");
    let per_second = full.acked as f64 / duration.as_secs_f64();
    let half = run_senders(&urls, SenderLoad { rate: Some(per_second / 2.0), ..full_load }).await?;
    Ok(vec![
        (ACKED, per_second),
        ("CPU µs/message", cpu * 1e6 / (per_second * duration.as_secs_f64())),
        ("ack p50 ms", quantile_ms(&full.ack_times, 0.5)),
        ("ack p99 ms", quantile_ms(&full.ack_times, 0.99)),
        ("acked/s at half", half.acked as f64 / duration.as_secs_f64()),
        ("ack p50 ms at half", quantile_ms(&half.ack_times, 0.5)),
        (ACK_P99_HALF, quantile_ms(&half.ack_times, 0.99)),
        ("refused", (full.refused + half.refused) as f64),
        ("unanswered", (full.unanswered + half.unanswered) as f64),
    ])
}
