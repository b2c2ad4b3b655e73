//! Plain websocket connections: opened in bulk, or one by one with retries.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use chorus_load::{engine::Engine, http::Jar, options::Transport, target::Target};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

/// Connections that are opened at the same time.
const OPENING_MAX: usize = 512;
/// First pause before a retry; it doubles with each failure.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Opens `count` websockets, spread over the URLs, and connects each to namespace `/`.
///
/// # Errors
///
/// One of them fails.
pub(crate) async fn open(urls: &[String], count: usize) -> anyhow::Result<Vec<Engine>> {
    let targets = urls.iter().map(|url| url.parse::<Target>().map_err(anyhow::Error::msg));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let opening = Arc::new(Semaphore::new(OPENING_MAX));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (target, opening) = (targets[number % targets.len()].clone(), opening.clone());
        tasks.spawn(async move {
            let _permit = opening.acquire().await.expect("it is never closed");
            connect(&target, "40{}").await
        });
    }
    let mut connections = Vec::with_capacity(count);
    while let Some(opened) = tasks.join_next().await {
        let opened = opened?.with_context(|| format!("after {} connections", connections.len()))?;
        connections.push(opened);
    }
    Ok(connections)
}

/// Counts failed attempts to connect.
#[derive(Default)]
pub(crate) struct FailedAttempts {
    count: AtomicU64,
}

impl FailedAttempts {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts an attempt; prints the first error.
    fn add(&self, error: &anyhow::Error) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            eprint!("a client could not connect: {error:#} … ");
        }
    }
}

/// Connects like [`connect`], and retries until that succeeds.
pub(crate) async fn connect_with_retries(target: &Target, packet: &str, failed: &FailedAttempts) -> Engine {
    let mut pause = PAUSE_MIN;
    loop {
        match connect(target, packet).await {
            Ok(engine) => return engine,
            Err(error) => failed.add(&error),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Opens a websocket and connects it to a namespace by this packet.
///
/// # Errors
///
/// The server cannot be reached or refuses the client.
pub(crate) async fn connect(target: &Target, packet: &str) -> anyhow::Result<Engine> {
    let (mut engine, _) = Engine::open(target, &Jar::default(), Transport::Websocket).await?;
    let mut packets = vec![packet.to_owned()];
    loop {
        engine.send(&mut packets).await?;
        let packet = engine.next().await?;
        match packet.as_str() {
            "2" => packets.push("3".to_owned()),
            connected if connected.starts_with("40") => return Ok(engine),
            other => bail!("not connected: {other:.80}"),
        }
    }
}
