//! Many connections at once that say nothing.

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

/// Connections that are being made at one time.
const OPENING_MAX: usize = 512;

/// Opens so many websockets, dealt to the URLs, and connects each to namespace `/`.
///
/// # Errors
///
/// One cannot be opened.
pub(crate) async fn gather(urls: &[String], count: usize) -> anyhow::Result<Vec<Engine>> {
    let targets = urls.iter().map(|url| url.parse::<Target>().map_err(anyhow::Error::msg));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let opening = Arc::new(Semaphore::new(OPENING_MAX));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (target, opening) = (targets[number % targets.len()].clone(), opening.clone());
        tasks.spawn(async move {
            let _place = opening.acquire().await.expect("it is never closed");
            connect(&target, "40{}").await
        });
    }
    let mut crowd = Vec::with_capacity(count);
    while let Some(opened) = tasks.join_next().await {
        let opened = opened?.with_context(|| format!("after {} connections", crowd.len()))?;
        crowd.push(opened);
    }
    Ok(crowd)
}

/// The first pause before a client that was not let in tries again, as all clients do; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Tries to connect that failed.
#[derive(Default)]
pub(crate) struct Failed {
    count: AtomicU64,
}

impl Failed {
    /// How many did.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one; the first one is said.
    fn add(&self, error: &anyhow::Error) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            eprint!("a client was not let in: {error:#} … ");
        }
    }
}

/// Connects as [`connect`] does, and tries again until it is let in.
pub(crate) async fn connect_at_last(target: &Target, hello: &str, failed: &Failed) -> Engine {
    let mut pause = PAUSE_MIN;
    loop {
        match connect(target, hello).await {
            Ok(engine) => return engine,
            Err(error) => failed.add(&error),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Opens a websocket and connects it to a namespace.
///
/// # Errors
///
/// It cannot be opened, or is refused.
pub(crate) async fn connect(target: &Target, hello: &str) -> anyhow::Result<Engine> {
    let (mut engine, _) = Engine::open(target, &Jar::default(), Transport::Websocket).await?;
    let mut packets = vec![hello.to_owned()];
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
