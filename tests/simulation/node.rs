//! Nodes: the product's own domain, over a simulated log, bus, clock and sockets.

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
    bus::Network,
    clock::Clock,
    connection::{ClientEnd, Connection},
    dice::Dice,
    history::{Event, History},
    life::Life,
    log::{Disk, Handle, NodeLog},
    presence::Registry,
    roll::Roll,
    server::{AnySender, Dialect, Hello, Server},
    tally::Effect,
    weather::Weather,
};

/// Commits that wait for the hub: few, so that they overflow now and then.
const COMMITS_MAX: usize = 4;
/// Hints that wait for the hub.
const HINTS_MAX: usize = 16;
/// Whispers that wait to be looked at.
const WHISPERS_MAX: usize = 16;
const SWEEP: Duration = Duration::from_millis(250);
/// So little is kept in memory that cursors have to read the log.
const TAIL: TailLimit = TailLimit { messages: 24, bytes: 1_000 };
const LIMITS: ServiceLimits = ServiceLimits { rooms_per_session: 4, messages_per_second: 0 };

/// What nodes live on, and what outlives them.
pub(crate) struct Ground {
    pub(crate) disk: Arc<Disk>,
    pub(crate) network: Arc<Network>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) clocks: Vec<Arc<Clock>>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) history: Arc<History>,
    pub(crate) roll: Roll,
    pub(crate) tracker: TaskTracker,
}

/// A node that lives.
pub(crate) struct Node {
    pub(crate) chat: Arc<ChatService>,
    presence: Arc<PresenceTracker>,
    pub(crate) life: Arc<Life>,
    history: Arc<History>,
    tracker: TaskTracker,
}

impl Node {
    /// Starts a node, as the composition root does.
    async fn start(ground: &Ground, number: usize) -> Result<Arc<Self>, ReadError> {
        let (life, tracker) = (Arc::new(Life::new()), ground.tracker.clone());
        let (to_commits, commits) = mpsc::channel(COMMITS_MAX);
        let (to_hints, hints) = mpsc::channel(HINTS_MAX);
        let log = NodeLog::new(ground.disk.clone(), number, life.clone(), to_commits, tracker.clone());
        let log = Arc::new(Handle(log));
        let bus = Arc::new(ground.network.join(number, life.clone(), to_hints));
        let stats = Arc::new(Stats::default());
        let hub = Hub::new(HubParts {
            log: log.clone(),
            bus,
            observer: Arc::new(Unobserved),
            stats: stats.clone(),
            tail: TAIL,
            tracker: tracker.clone(),
            stop: life.over().clone(),
        });
        let name: NodeId = format!("n{number}").parse().expect("a node's name");
        let (to_updates, presence_updates) = mpsc::channel(WHISPERS_MAX);
        let (desk, clock) = (ground.registry.join(number, to_updates), ground.clocks[number].clone());
        let presence = PresenceTracker::new(desk, clock.clone(), stats.clone(), name.clone());
        let position = log.position().await?;
        let appender = Appender::new(log, clock, name, stats.clone());
        let chat = ChatService::new(appender, hub.clone(), stats, LIMITS);
        let node = Arc::new(Self {
            chat,
            presence: presence.clone(),
            life,
            history: ground.history.clone(),
            tracker,
        });
        node.spawn(hub.clone().take_commits(commits));
        node.spawn(hub.clone().take_hints(hints));
        node.spawn(hub.sweep(position, SWEEP));
        let over = node.life.over().clone();
        node.spawn(presence.clone().notify_members(over.clone()));
        node.spawn(presence.clone().receive_updates(presence_updates, over.clone()));
        node.spawn(sync::run(presence, over));
        Ok(node)
    }

    /// Runs a task as long as the node lives.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (life, history) = (self.life.clone(), self.history.clone());
        self.tracker.spawn(async move { life.work(history.watch(task)).await });
    }

    /// Opens a connection for a client.
    fn accept(&self, connection: Arc<Connection>, hello: Hello) -> ClientEnd {
        let author = hello.author.clone();
        let sender = match hello.dialect {
            Dialect::Native => AnySender::Ordered(self.chat.ordered_sender(author)),
            Dialect::Tutorial | Dialect::Api => AnySender::Plain(self.chat.sender(author)),
        };
        let (end, queue) =
            ClientEnd::new(connection.clone(), sender.order(), hello.dialect != Dialect::Tutorial);
        let closing = connection.clone();
        let server =
            Server { chat: self.chat.clone(), presence: self.presence.clone(), connection, sender, hello };
        let (life, history) = (self.life.clone(), self.history.clone());
        self.tracker.spawn(async move {
            life.work(history.watch(server.run(queue))).await;
            closing.close();
        });
        end
    }
}

/// All nodes, as clients find them.
pub(crate) struct Cluster {
    ground: Ground,
    nodes: Mutex<Vec<Option<Arc<Node>>>>,
}

impl Cluster {
    pub(crate) fn new(ground: Ground) -> Arc<Self> {
        let nodes = Mutex::new(ground.clocks.iter().map(|_| None).collect());
        Arc::new(Self { ground, nodes })
    }

    pub(crate) fn ground(&self) -> &Ground {
        &self.ground
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Option<Arc<Node>>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.nodes().len()
    }

    /// The node of this number, if it lives.
    pub(crate) fn node(&self, number: usize) -> Option<Arc<Node>> {
        self.nodes()[number].clone()
    }

    /// Connects a client, if the node lives.
    pub(crate) fn connect(
        &self,
        number: usize,
        client: usize,
        hello: Hello,
        dice: Dice,
    ) -> Option<ClientEnd> {
        let node = self.node(number)?;
        let Ground { weather, history, .. } = &self.ground;
        history.note(Event::Connected { client, node: number });
        Some(node.accept(Connection::new(client, weather.clone(), history.clone(), dice), hello))
    }

    /// Starts a node whenever it is dead.
    pub(crate) async fn keep(self: Arc<Self>, number: usize, mut dice: Dice) {
        let history = self.ground.history.clone();
        loop {
            let Ok(node) = Node::start(&self.ground, number).await else {
                sleep(dice.ms(100, 500)).await;
                continue;
            };
            history.note(Event::NodeStarted { node: number });
            let life = node.life.clone();
            self.nodes()[number] = Some(node);
            life.over().cancelled().await;
            self.nodes()[number] = None;
            history.note(Event::NodeDied { node: number });
            let (unpublished, unanswered) = life.left_undone();
            for (left, what) in
                [(unpublished, Effect::DiedBeforePublish), (unanswered, Effect::DiedBeforeAck)]
            {
                if left {
                    history.struck(what, number);
                }
            }
            sleep(dice.ms(100, 2_000)).await;
        }
    }
}
