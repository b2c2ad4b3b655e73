//! Idle: memory per connection, and CPU per connect.

use std::time::Duration;

use tokio::time::sleep;

use crate::{contender::RunningContender, load::connections, numbers::Numbers};

pub(crate) const RSS: &str = "RSS KB/connection";
/// Pause between the last connect and the measurement, for work that the connects left behind.
const SETTLE: Duration = Duration::from_secs(1);

#[expect(clippy::cast_precision_loss, reason = "client counts are far below 2^53")]
pub(crate) async fn measure(running: &RunningContender, count: usize) -> anyhow::Result<Numbers> {
    let (rss, cpu) = (running.rss()?, running.cpu()?);
    let connections = connections::open(&running.urls(), count).await?;
    sleep(SETTLE).await;
    let each = |all: f64| all / connections.len() as f64;
    Ok(vec![
        ("connections", connections.len() as f64),
        (RSS, each(running.rss()? - rss) / 1_000.0),
        ("CPU µs/connect", each(running.cpu()? - cpu) * 1e6),
    ])
}
