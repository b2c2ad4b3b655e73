//! The composition root: makes the parts, joins them, binds; alone knows all.

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    auth::Tokens,
    chat::{
        company::Company,
        cursor::TailLimit,
        hub::Hub,
        ports::{Clock, ClusterBus, Hint, MessageLog, PresenceStore, Whisper},
        service::{ChatService, Rules},
        stats::Stats,
        types::{Message, NodeId, UnixMs},
        user_limits::UserLimits,
    },
    cluster::{
        memory::{MemoryCluster, presence::MemoryPresence},
        redis::{Ears, RedisBus},
    },
    config::Settings,
    gateway::{
        Gateway,
        link::{Cut, Links},
    },
    http::{
        self, Http,
        serve::{listen, serve},
    },
    lifecycle::{Cause, Lifecycle},
    store,
    telemetry::{self, deliveries::Deliveries, metrics::Metrics},
};

/// Commits that wait to be fanned out. Full: the newest is dropped, and the sweep brings it.
const COMMITS_MAX: usize = 1_024;
/// Hints that wait to be looked at. Full: the bus drops, and the sweep brings it.
const HINTS_MAX: usize = 4_096;
/// What other nodes whisper of people and that waits. Full: it is dropped, and the next refresh brings it.
const WHISPERS_MAX: usize = 1_024;

/// Samples of histograms wait for a scrape, or for this.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Pause between two batches of sessions that a drain cuts, on average.
const CUT_PAUSE: Duration = Duration::from_millis(50);

/// A running node.
pub struct Node {
    addr: SocketAddr,
    settings: Settings,
    life: Lifecycle,
    log: Arc<dyn MessageLog>,
    links: Arc<Links>,
}

/// A log, a bus, and what they say.
pub struct Adapters {
    /// The history.
    pub log: Arc<dyn MessageLog>,
    /// What the log committed.
    pub commits: mpsc::Receiver<Vec<Arc<Message>>>,
    /// The way to the other nodes.
    pub bus: Arc<dyn ClusterBus>,
    /// What the bus heard.
    pub hints: mpsc::Receiver<Hint>,
    /// What nodes leave word of their people.
    pub presence: Arc<dyn PresenceStore>,
    /// What the other nodes whisper of theirs.
    pub whispers: mpsc::Receiver<Whisper>,
}

impl Node {
    /// Picks the adapters that the settings name and starts a node.
    ///
    /// # Errors
    ///
    /// The log cannot be opened, or the address cannot be listened on. A bus that is down is no error.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        // First: the adapters count from their first moment on.
        telemetry::metrics::install()?;
        let (id, life) = (node_id(&settings)?, Lifecycle::default());
        telemetry::trace::install(&settings.telemetry, &id)?;
        let (to_commits, commits) = mpsc::channel(COMMITS_MAX);
        let (to_hints, hints) = mpsc::channel(HINTS_MAX);
        let log = store::open(&settings.log, Arc::new(SystemClock), to_commits)
            .with_context(|| format!("the log at {} cannot be opened", settings.log.url))?;
        let (to_whispers, whispers) = mpsc::channel(WHISPERS_MAX);
        let (bus, presence): (Arc<dyn ClusterBus>, Arc<dyn PresenceStore>) = if settings.bus.url.is_some() {
            let (tracker, stop) = (&life.tracker, life.stopping.clone());
            let ears = Ears { hints: to_hints, whispers: to_whispers };
            let (bus, presence) =
                RedisBus::start(&settings.bus, &id, log.epoch(), log.key(), ears, tracker, stop)?;
            (bus, presence)
        } else {
            let presence = MemoryPresence::default().join(to_whispers);
            (Arc::new(MemoryCluster::default().join(to_hints)), Arc::new(presence))
        };
        let adapters = Adapters { log, commits, bus, hints, presence, whispers };
        Self::start_with(settings, id, adapters, life).await
    }

    /// Starts a node on given adapters; the program and the tests run the same wiring.
    ///
    /// # Errors
    ///
    /// The log cannot be read, or the address cannot be listened on.
    pub async fn start_with(
        settings: Settings,
        id: NodeId,
        adapters: Adapters,
        life: Lifecycle,
    ) -> anyhow::Result<Self> {
        let Adapters { log, commits, bus, hints, presence, whispers } = adapters;
        let clock = Arc::new(SystemClock);
        let deliveries = Arc::new(Deliveries::new(id.clone(), clock.clone()));
        let stats = Arc::new(Stats { witness: Some(deliveries.clone()), ..Stats::default() });
        let metrics = Metrics::new(deliveries)?;
        telemetry::metrics::drain_stage(0);
        let limits = &settings.limits;
        let tail = TailLimit { messages: limits.tail_messages, bytes: limits.tail_bytes };
        let (tracker, stopping) = (life.tracker.clone(), life.stopping.clone());
        let hub = Hub::new(log.clone(), bus.clone(), stats.clone(), tail, tracker, stopping);
        let rules = Rules {
            rooms_per_session: limits.rooms_per_session,
            messages_per_second: limits.messages_per_second,
        };
        let company = Company::new(presence, clock.clone(), stats.clone(), id.clone());
        let chat = ChatService::new(log.clone(), hub.clone(), clock, id, stats, rules);
        let tokens = Arc::new(tokens(&settings, log.as_ref()));
        let links = Arc::new(Links::new(settings.server.max_connections));
        let gateway = Gateway::new(
            &settings,
            chat.clone(),
            company.clone(),
            tokens.clone(),
            links.clone(),
            life.tracker.clone(),
        );

        let position = log.position().await.context("the log cannot be read")?;
        let upkeep = metrics.clone();
        let keep_metrics = async move {
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                upkeep.upkeep();
            }
        };
        let stopping = life.stopping.clone();
        life.tracker.spawn(async move { stopping.run_until_cancelled(keep_metrics).await });
        life.tracker.spawn(company.clone().show(life.stopping.clone()));
        life.tracker.spawn(company.clone().listen(whispers, life.stopping.clone()));
        life.tracker.spawn(company.keep(life.stopping.clone()));
        life.spawn_vital("commits", hub.clone().take_commits(commits));
        life.spawn_vital("hints", hub.clone().take_hints(hints));
        life.spawn_vital("sweep", hub.sweep(position, settings.log.sweep_interval));

        let addr = SocketAddr::new(settings.server.host, settings.server.port);
        let listener = listen(addr).with_context(|| format!("server.host and server.port: {addr}"))?;
        let addr = listener.local_addr()?;
        let posting = Arc::new(Mutex::new(UserLimits::new(limits.messages_per_second, Instant::now())));
        let draining = life.draining.clone();
        let (text_bytes_max, sticky_cookie) =
            (limits.max_message_bytes, settings.server.sticky_cookie.as_str().into());
        let http = Http { chat, tokens, posting, bus, metrics, draining, text_bytes_max, sticky_cookie };
        let app = http::router(http, gateway.layer(&settings.socketio), links.clone());
        life.spawn_vital("accept", serve(listener, app, settings.server.clone(), life.clone()));
        Ok(Self { addr, settings, life, log, links })
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its stages and tasks.
    #[must_use]
    pub fn life(&self) -> &Lifecycle {
        &self.life
    }

    /// Stops in stages: readiness fails; the listener closes; the sockets are cut
    /// over a while, so that their clients move to other nodes; the log is flushed.
    pub async fn drain(self, cause: Cause) -> ExitCode {
        let drain = &self.settings.drain;
        let deadline = Instant::now() + drain.timeout;
        let stages = async {
            self.life.draining.cancel();
            telemetry::metrics::drain_stage(1);
            tokio::time::sleep(drain.delay).await;
            self.life.closing.cancel();
            telemetry::metrics::drain_stage(2);
            self.cut_all(drain.spread).await;
            self.log.close().await;
            telemetry::metrics::drain_stage(3);
            self.life.stopping.cancel();
            self.life.tracker.close();
            self.life.tracker.wait().await;
            telemetry::trace::close(deadline.saturating_duration_since(Instant::now())).await;
        };
        let in_time = tokio::time::timeout_at(deadline, stages).await.is_ok();
        if !in_time {
            tracing::warn!(timeout = ?drain.timeout, "the drain took too long; what was still open is cut");
        }
        match cause {
            Cause::Signal(_) if in_time => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// Cuts every session, in batches with jittered pauses over `spread`, and those that came meanwhile at its end.
    async fn cut_all(&self, spread: Duration) {
        let links = self.links.all();
        let batches = (spread.as_millis() / CUT_PAUSE.as_millis()).max(1);
        let batch = links.len().div_ceil(usize::try_from(batches).unwrap_or(usize::MAX)).max(1);
        for batch in links.chunks(batch) {
            batch.iter().for_each(|link| link.cut(Cut::Drain));
            // From half to one and a half; without random numbers, without jitter.
            let jitter = 128 + getrandom::u32().map_or(128, |random| random % 256);
            tokio::time::sleep(CUT_PAUSE * jitter / 256).await;
        }
        self.links.all().iter().for_each(|link| link.cut(Cut::Drain));
    }
}

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system has no random numbers")?;
    Ok(bytes)
}

/// The name that was set, or the host's and a random part.
fn node_id(settings: &Settings) -> anyhow::Result<NodeId> {
    if let Some(id) = &settings.node.id {
        return id.parse().context("node.id");
    }
    let host: String = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(NodeId::BYTES_MAX - 5)
        .collect();
    let [a, b] = random()?;
    format!("{host}-{a:02x}{b:02x}").parse().context("a name made of the host's")
}

fn tokens(settings: &Settings, log: &dyn MessageLog) -> Tokens {
    let ttl_ms = u64::try_from(settings.auth.token_ttl.as_millis()).unwrap_or(u64::MAX);
    match &settings.auth.key {
        Some(key) => Tokens::new(key.expose().as_bytes(), ttl_ms),
        None => Tokens::new(log.key(), ttl_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chat::types::Epoch, lifecycle::stop_signal, store::memory::MemoryLog};

    #[tokio::test]
    async fn a_node_that_accepts_no_more_stops_as_crashed() {
        let mut settings = Settings::default();
        (settings.server.host, settings.server.port) = ([127, 0, 0, 1].into(), 0);
        // Beyond what a semaphore takes: the loop panics as it begins.
        settings.server.max_connections = usize::MAX;
        let (life, (to_commits, commits)) = (Lifecycle::default(), mpsc::channel(1));
        let (to_hints, hints) = mpsc::channel(1);
        let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [7; 32], to_commits));
        let bus = Arc::new(MemoryCluster::default().join(to_hints));
        let (to_whispers, whispers) = mpsc::channel(1);
        let presence = Arc::new(MemoryPresence::default().join(to_whispers));
        let adapters = Adapters { log, commits, bus, hints, presence, whispers };
        let _node = Node::start_with(settings, "n1".parse().unwrap(), adapters, life.clone()).await.unwrap();
        let cause = tokio::time::timeout(Duration::from_secs(10), stop_signal(&life)).await;
        assert_eq!(cause.expect("it is noticed").unwrap(), Cause::Crash);
    }
}
