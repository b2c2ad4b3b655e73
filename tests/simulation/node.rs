//! Nodes: the product's domain over a simulated log, bus, clock and sockets.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chorus::chat::{
    fanout::{
        hub::{Hub, HubParts},
        tail::TailLimit,
    },
    model::NodeId,
    ports::{MessageLog as _, ReadError, Unobserved},
    presence::{sync, tracker::PresenceTracker},
    publish::appender::Appender,
    service::{ChatService, ServiceLimits},
    stats::Stats,
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::task::TaskTracker;

use crate::{
    active_faults::ActiveFaults,
    bus::Network,
    clock::Clock,
    connection::{ClientEnd, Connection},
    effects::Effect,
    history::{Event, History},
    instance::Instance,
    log::{Disk, LogHandle, NodeLog},
    presence::Registry,
    presence_oracle::PresenceOracle,
    rng::SeededRng,
    server::{AnySender, ConnectRequest, Protocol, Server},
};

/// Commits that wait for the hub: few, so that the channel overflows at times.
const COMMITS_MAX: usize = 4;
/// Hints that wait for the hub.
const HINTS_MAX: usize = 16;
/// Presence updates that wait to be handled.
const UPDATES_MAX: usize = 16;
const SWEEP: Duration = Duration::from_millis(250);
/// Short, so that cursors have to read the log.
const TAIL: TailLimit = TailLimit { messages: 24, bytes: 1_000 };
const LIMITS: ServiceLimits = ServiceLimits { rooms_per_session: 4, messages_per_second: 0 };

/// Everything that nodes share and that outlives them.
pub(crate) struct Environment {
    pub(crate) disk: Arc<Disk>,
    pub(crate) network: Arc<Network>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clocks: Vec<Arc<Clock>>,
    pub(crate) faults: Arc<ActiveFaults>,
    pub(crate) history: Arc<History>,
    pub(crate) oracle: PresenceOracle,
    pub(crate) tracker: TaskTracker,
}

/// A running node.
pub(crate) struct Node {
    pub(crate) chat: Arc<ChatService>,
    presence: Arc<PresenceTracker>,
    pub(crate) instance: Arc<Instance>,
    history: Arc<History>,
    tracker: TaskTracker,
}

impl Node {
    /// Starts a node like the composition root.
    async fn start(environment: &Environment, number: usize) -> Result<Arc<Self>, ReadError> {
        let (instance, tracker) = (Arc::new(Instance::new()), environment.tracker.clone());
        let (to_commits, commits) = mpsc::channel(COMMITS_MAX);
        let (to_hints, hints) = mpsc::channel(HINTS_MAX);
        let log =
            NodeLog::new(environment.disk.clone(), number, instance.clone(), to_commits, tracker.clone());
        let log = Arc::new(LogHandle(log));
        let bus = Arc::new(environment.network.join(number, instance.clone(), to_hints));
        let stats = Arc::new(Stats::default());
        let hub = Hub::new(HubParts {
            log: log.clone(),
            bus,
            observer: Arc::new(Unobserved),
            stats: stats.clone(),
            tail: TAIL,
            tracker: tracker.clone(),
            stop: instance.ended().clone(),
        });
        let name: NodeId = format!("n{number}").parse().expect("a node's name");
        let (to_updates, presence_updates) = mpsc::channel(UPDATES_MAX);
        let store = environment.registry.join(number, to_updates);
        let clock = environment.clocks[number].clone();
        let presence = PresenceTracker::new(store, clock.clone(), stats.clone(), name.clone());
        let position = log.position().await?;
        let appender = Appender::new(log, clock, name, stats.clone());
        let chat = ChatService::new(appender, hub.clone(), stats, LIMITS);
        let node = Arc::new(Self {
            chat,
            presence: presence.clone(),
            instance,
            history: environment.history.clone(),
            tracker,
        });
        node.spawn(hub.clone().take_commits(commits));
        node.spawn(hub.clone().take_hints(hints));
        node.spawn(hub.sweep(position, SWEEP));
        let ended = node.instance.ended().clone();
        node.spawn(presence.clone().notify_members(ended.clone()));
        node.spawn(presence.clone().receive_updates(presence_updates, ended.clone()));
        node.spawn(sync::run(presence, ended));
        Ok(node)
    }

    /// Runs a task until the instance ends.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (instance, history) = (self.instance.clone(), self.history.clone());
        self.tracker.spawn(async move { instance.run(history.watch(task)).await });
    }

    /// Accepts a client's connection.
    fn accept(&self, connection: Arc<Connection>, request: ConnectRequest) -> ClientEnd {
        let author = request.author.clone();
        let sender = match request.protocol {
            Protocol::Native => AnySender::Ordered(self.chat.ordered_sender(author)),
            Protocol::Tutorial | Protocol::Api => AnySender::Plain(self.chat.sender(author)),
        };
        let (end, queue) =
            ClientEnd::new(connection.clone(), sender.order(), request.protocol != Protocol::Tutorial);
        let closing = connection.clone();
        let server = Server {
            chat: self.chat.clone(),
            presence: self.presence.clone(),
            connection,
            sender,
            connect: request,
        };
        let (instance, history) = (self.instance.clone(), self.history.clone());
        self.tracker.spawn(async move {
            instance.run(history.watch(server.run(queue))).await;
            closing.close();
        });
        end
    }
}

/// All nodes, as clients reach them.
pub(crate) struct Cluster {
    environment: Environment,
    nodes: Mutex<Vec<Option<Arc<Node>>>>,
}

impl Cluster {
    pub(crate) fn new(environment: Environment) -> Arc<Self> {
        let nodes = Mutex::new(environment.clocks.iter().map(|_| None).collect());
        Arc::new(Self { environment, nodes })
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Option<Arc<Node>>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.nodes().len()
    }

    /// The node with this number, if it runs.
    pub(crate) fn node(&self, number: usize) -> Option<Arc<Node>> {
        self.nodes()[number].clone()
    }

    /// Connects a client to a node, if that runs.
    pub(crate) fn connect(
        &self,
        number: usize,
        client: usize,
        request: ConnectRequest,
        rng: SeededRng,
    ) -> Option<ClientEnd> {
        let node = self.node(number)?;
        let Environment { faults, history, .. } = &self.environment;
        history.record(Event::Connected { client, node: number });
        Some(node.accept(Connection::new(client, faults.clone(), history.clone(), rng), request))
    }

    /// Starts a node, and starts it again whenever it was killed.
    pub(crate) async fn keep_running(self: Arc<Self>, number: usize, mut rng: SeededRng) {
        let history = self.environment.history.clone();
        loop {
            let Ok(node) = Node::start(&self.environment, number).await else {
                sleep(rng.ms(100, 500)).await;
                continue;
            };
            history.record(Event::NodeStarted { node: number });
            let instance = node.instance.clone();
            self.nodes()[number] = Some(node);
            instance.ended().cancelled().await;
            self.nodes()[number] = None;
            history.record(Event::NodeKilled { node: number });
            let (unpublished, unacked) = instance.unfinished();
            for (left, effect) in
                [(unpublished, Effect::KilledBeforePublish), (unacked, Effect::KilledBeforeAck)]
            {
                if left {
                    history.took_effect(effect, number);
                }
            }
            sleep(rng.ms(100, 2_000)).await;
        }
    }
}
