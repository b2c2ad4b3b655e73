//! Reads the state of a running node: its newest seq, and whether it is busy.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::http::Method;
use chorus_load::{
    http::{Http, Jar},
    target::Target,
};
use tokio::time::sleep;

use super::scale::Scale;
use crate::contender::RunningContender;

/// A node that uses less than this share of a core is idle.
const IDLE_CPU: f64 = 0.01;
/// Longer than the pause between two rounds of the node's janitor.
const IDLE_WINDOW: Duration = Duration::from_secs(3);
const WAIT_MAX: Duration = Duration::from_secs(240);

/// The newest seq of `lobby`.
pub(crate) async fn head_of(url: &str) -> anyhow::Result<u64> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let path = "/api/rooms/lobby/messages?limit=1";
    let (_, body) = Http::new(target, Jar::default()).request(Method::GET, path, String::new()).await?;
    let page: serde_json::Value = serde_json::from_str(&body)?;
    page["messages"][0]["seq"].as_u64().context("the room is empty")
}

/// Waits for background work, such as indexing, to end: until the contender uses hardly any CPU.
///
/// Gives up silently after four minutes, which millions of new messages exceed.
pub(crate) async fn wait_until_idle(running: &RunningContender, scale: Scale) -> anyhow::Result<()> {
    let begin = Instant::now();
    let wait_max = WAIT_MAX / u32::try_from(scale.divisor)?;
    loop {
        let before = running.cpu()?;
        sleep(IDLE_WINDOW).await;
        let used = running.cpu()? - before;
        if used < IDLE_WINDOW.as_secs_f64() * IDLE_CPU || wait_max < begin.elapsed() {
            return Ok(());
        }
    }
}
