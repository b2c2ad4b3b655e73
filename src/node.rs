//! The composition root: makes the parts, joins them and binds. It alone knows all of them.

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    auth::Tokens,
    chat::{
        fanout::{
            hub::{Hub, HubParts},
            tail::TailLimit,
        },
        model::{LogPosition, Message, NodeId},
        ports::{ClusterBus, Hint, MessageLog, PresenceStore, PresenceUpdate},
        presence::{self, tracker::PresenceTracker},
        publish::{appender::Appender, user_limits::UserLimits},
        service::{ChatService, ServiceLimits},
        stats::Stats,
    },
    clock::SystemClock,
    cluster::{
        memory::{bus::MemoryCluster, presence::MemoryPresenceCluster},
        redis::{
            bus::{RedisBus, RedisParts},
            subscriber::BusSenders,
        },
    },
    config::Settings,
    gateway::{
        self,
        context::GatewayContext,
        protocol::ErrorCode,
        socketio::engine_session::{CloseReason, EngineSessions},
    },
    http::{self, Http},
    lifecycle::{Cause, Lifecycle},
    server::listener::{listen, serve},
    store,
    telemetry::{self, deliveries::Deliveries, metrics::scrape::Metrics},
};

/// Commits that wait to be fanned out. When it is full, the newest is dropped, and the sweep finds it.
const COMMITS_MAX: usize = 1_024;
/// Hints that wait to be handled. When it is full, the bus drops them, and the sweep finds the messages.
const HINTS_MAX: usize = 4_096;
/// Presence updates of other nodes that wait. When it is full, they are dropped; the next refresh makes up for it.
const PRESENCE_UPDATES_MAX: usize = 1_024;

/// Pause between two times that histogram samples are folded in; a scrape does it, too.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Mean pause between two batches of sessions that a drain cuts.
const CUT_PAUSE: Duration = Duration::from_millis(50);

/// A running node.
pub struct Node {
    addr: SocketAddr,
    settings: Settings,
    life: Lifecycle,
    log: Arc<dyn MessageLog>,
    engine_sessions: Arc<EngineSessions>,
}

/// A log, a bus and a presence store, each with the channel that it sends to.
pub struct Adapters {
    /// The history.
    pub log: Arc<dyn MessageLog>,
    /// What the log committed.
    pub commits: mpsc::Receiver<Vec<Arc<Message>>>,
    /// The way to the other nodes.
    pub bus: Arc<dyn ClusterBus>,
    /// What the bus received.
    pub hints: mpsc::Receiver<Hint>,
    /// Presence shared between nodes.
    pub presence_store: Arc<dyn PresenceStore>,
    /// What the presence store received.
    pub presence_updates: mpsc::Receiver<PresenceUpdate>,
}

impl Adapters {
    /// Opens the adapters that the settings name.
    fn open(settings: &Settings, id: &NodeId, life: &Lifecycle) -> anyhow::Result<Self> {
        let (to_commits, commits) = mpsc::channel(COMMITS_MAX);
        let log = store::open(&settings.log, Arc::new(SystemClock), to_commits)
            .with_context(|| format!("the log at {} cannot be opened", settings.log.url))?;
        let (to_hints, hints) = mpsc::channel(HINTS_MAX);
        let (to_updates, presence_updates) = mpsc::channel(PRESENCE_UPDATES_MAX);
        let (bus, presence_store): (Arc<dyn ClusterBus>, Arc<dyn PresenceStore>) =
            if settings.bus.url.is_some() {
                let parts = RedisParts {
                    node: id.clone(),
                    epoch: log.epoch(),
                    log_key: log.key(),
                    senders: BusSenders { hints: to_hints, presence_updates: to_updates },
                    tracker: &life.tracker,
                    stop: life.stopping.clone(),
                };
                let (bus, presence_store) = RedisBus::start(&settings.bus, parts)?;
                (bus, presence_store)
            } else {
                let presence_store = MemoryPresenceCluster::default().join(to_updates);
                (Arc::new(MemoryCluster::default().join(to_hints)), Arc::new(presence_store))
            };
        Ok(Self { log, commits, bus, hints, presence_store, presence_updates })
    }
}

impl Node {
    /// Starts a node on the adapters that the settings name.
    ///
    /// # Errors
    ///
    /// The log cannot be opened, or the address cannot be bound. A bus that is down is no error.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        // First: the adapters count from their first moment on.
        telemetry::metrics::install()?;
        let (id, life) = (node_id(&settings)?, Lifecycle::default());
        telemetry::trace::install(&settings.telemetry, &id)?;
        let adapters = Adapters::open(&settings, &id, &life)?;
        Self::start_with(settings, id, adapters, life).await
    }

    /// Starts a node on given adapters; the program and the tests run the same wiring.
    ///
    /// # Errors
    ///
    /// The log cannot be read, or the address cannot be bound.
    pub async fn start_with(
        settings: Settings,
        id: NodeId,
        adapters: Adapters,
        life: Lifecycle,
    ) -> anyhow::Result<Self> {
        let Adapters { log, commits, bus, hints, presence_store, presence_updates } = adapters;
        let clock = Arc::new(SystemClock);
        let stats = Arc::new(Stats::default());
        let deliveries = Arc::new(Deliveries::new(id.clone(), clock.clone()));
        let metrics = Metrics::new(deliveries.clone())?;
        telemetry::metrics::preregister_refusals(ErrorCode::ALL.iter().map(|code| code.as_str()));
        telemetry::metrics::drain_stage(0);

        let limits = &settings.limits;
        let hub = Hub::new(HubParts {
            log: log.clone(),
            bus: bus.clone(),
            observer: deliveries,
            stats: stats.clone(),
            tail: TailLimit { messages: limits.tail_messages, bytes: limits.tail_bytes },
            tracker: life.tracker.clone(),
            stop: life.stopping.clone(),
        });
        let presence = PresenceTracker::new(presence_store, clock.clone(), stats.clone(), id.clone());
        let service_limits = ServiceLimits {
            rooms_per_session: limits.rooms_per_session,
            messages_per_second: limits.messages_per_second,
        };
        let appender = Appender::new(log.clone(), clock, id, stats.clone());
        let chat = ChatService::new(appender, hub.clone(), stats, service_limits);
        let tokens = Arc::new(tokens(&settings, log.as_ref()));
        let engine_sessions = Arc::new(EngineSessions::new(settings.server.max_connections));
        let context = Arc::new(GatewayContext {
            chat: chat.clone(),
            presence: presence.clone(),
            tokens: tokens.clone(),
            engine_sessions: engine_sessions.clone(),
            limits: limits.clone(),
            history: settings.history.clone(),
            tracker: life.tracker.clone(),
        });

        let position = log.position().await.context("the log cannot be read")?;
        spawn_upkeep(&life, metrics.clone());
        spawn_presence(&life, &presence, presence_updates);
        spawn_hub(&life, &hub, commits, hints, position, settings.log.sweep_interval);

        let addr = SocketAddr::new(settings.server.host, settings.server.port);
        let listener = listen(addr).with_context(|| format!("server.host and server.port: {addr}"))?;
        let addr = listener.local_addr()?;
        let http = Http {
            chat,
            tokens,
            posting: Arc::new(Mutex::new(UserLimits::new(limits.messages_per_second, Instant::now()))),
            bus,
            metrics,
            draining: life.draining.clone(),
            text_bytes_max: limits.max_message_bytes,
            sticky_cookie: settings.server.sticky_cookie.as_str().into(),
        };
        let app = http::router(http, |app| gateway::mount(app, &context, &settings.socketio));
        life.spawn_vital("accept", serve(listener, app, settings.server.clone(), life.clone()));
        Ok(Self { addr, settings, life, log, engine_sessions })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its stages and tasks.
    #[must_use]
    pub fn life(&self) -> &Lifecycle {
        &self.life
    }

    /// Stops in stages: readiness fails; the listener closes; the sockets are cut over a while, so that their clients
    /// move to other nodes; the log is flushed.
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
            tracing::warn!(timeout = ?drain.timeout, "drain.timeout is over; what is still open is cut");
        }
        match cause {
            Cause::Signal(_) if in_time => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// Cuts every session, in batches with jittered pauses over `spread`, and at its end those that came meanwhile.
    async fn cut_all(&self, spread: Duration) {
        let sessions = self.engine_sessions.all();
        let batches = (spread.as_millis() / CUT_PAUSE.as_millis()).max(1);
        let batch = sessions.len().div_ceil(usize::try_from(batches).unwrap_or(usize::MAX)).max(1);
        for batch in sessions.chunks(batch) {
            batch.iter().for_each(|session| session.cut(CloseReason::Drain));
            // From half to one and a half of the mean; without random numbers, no jitter.
            let jitter = 128 + getrandom::u32().map_or(128, |random| random % 256);
            tokio::time::sleep(CUT_PAUSE * jitter / 256).await;
        }
        self.engine_sessions.all().iter().for_each(|session| session.cut(CloseReason::Drain));
    }
}

fn spawn_upkeep(life: &Lifecycle, metrics: Metrics) {
    let upkeep = async move {
        loop {
            tokio::time::sleep(METRICS_UPKEEP).await;
            metrics.upkeep();
        }
    };
    let stopping = life.stopping.clone();
    life.tracker.spawn(async move { stopping.run_until_cancelled(upkeep).await });
}

fn spawn_presence(
    life: &Lifecycle,
    presence: &Arc<PresenceTracker>,
    updates: mpsc::Receiver<PresenceUpdate>,
) {
    life.tracker.spawn(presence.clone().notify_members(life.stopping.clone()));
    life.tracker.spawn(presence.clone().receive_updates(updates, life.stopping.clone()));
    life.tracker.spawn(presence::sync::run(presence.clone(), life.stopping.clone()));
}

fn spawn_hub(
    life: &Lifecycle,
    hub: &Arc<Hub>,
    commits: mpsc::Receiver<Vec<Arc<Message>>>,
    hints: mpsc::Receiver<Hint>,
    position: LogPosition,
    sweep_interval: Duration,
) {
    life.spawn_vital("commits", hub.clone().take_commits(commits));
    life.spawn_vital("hints", hub.clone().take_hints(hints));
    life.spawn_vital("sweep", hub.clone().sweep(position, sweep_interval));
}

/// The configured name, or the host's and a random part.
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
    let mut random = [0; 2];
    getrandom::fill(&mut random).context("the system has no random numbers")?;
    let [a, b] = random;
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
    use crate::{chat::model::Epoch, lifecycle::stop_signal, store::memory::MemoryLog};

    #[tokio::test]
    async fn a_node_that_accepts_no_more_stops_as_crashed() {
        let mut settings = Settings::default();
        (settings.server.host, settings.server.port) = ([127, 0, 0, 1].into(), 0);
        // More than a semaphore counts: the accept loop panics at once.
        settings.server.max_connections = usize::MAX;
        let (life, (to_commits, commits)) = (Lifecycle::default(), mpsc::channel(1));
        let (to_hints, hints) = mpsc::channel(1);
        let (to_updates, presence_updates) = mpsc::channel(1);
        let adapters = Adapters {
            log: Arc::new(MemoryLog::new(Epoch::from_random(1), [7; 32], to_commits)),
            commits,
            bus: Arc::new(MemoryCluster::default().join(to_hints)),
            hints,
            presence_store: Arc::new(MemoryPresenceCluster::default().join(to_updates)),
            presence_updates,
        };
        let _node = Node::start_with(settings, "n1".parse().unwrap(), adapters, life.clone()).await.unwrap();
        let cause = tokio::time::timeout(Duration::from_secs(10), stop_signal(&life)).await;
        assert_eq!(cause.expect("it is noticed").unwrap(), Cause::Crash);
    }
}
