//! One client's life: it connects, sends, shows, loses its connection, and comes back where it was.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{
    sync::watch,
    time::{sleep, sleep_until, timeout},
};

use crate::{
    dialect::{Cursor, Dialect},
    engine::Engine,
    http::Jar,
    identity::Texts,
    latency::NodeIndex,
    options::{Options, Transport},
    outbox::Outbox,
    pace::Pace,
    plant::Planted,
    record::{Delivery, Record, count, reason},
    socket::Packet,
};

mod hearing;

/// How long a connection may take, as in the official client.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Messages of one sender under way, where the answers do not set the pace.
const IN_FLIGHT_MAX: usize = 64;
/// A client without a connection looks this often whether the traffic has begun or ended.
const LOOK: Duration = Duration::from_millis(200);

/// What the run is doing.
#[derive(Clone, Copy, Debug)]
pub enum Phase {
    /// Clients come together.
    Gathering,
    /// Messages are sent, from this moment on.
    Sending(Instant),
    /// Of what began at this moment, nothing new is sent; what is outstanding is waited for.
    Settling(Instant),
}

/// A room at the beginning of the run.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its name.
    pub room: String,
    /// The log's identity.
    pub epoch: String,
    /// The newest message before the run.
    pub head: u64,
}

/// What clients share.
pub struct Shared {
    /// What was asked for.
    pub options: Options,
    /// The rooms, by their numbers.
    pub rooms: Vec<Beginning>,
    /// The texts of this run.
    pub texts: Texts,
    /// Clients that have been in their room.
    pub joined: AtomicUsize,
    /// Clients that will offer nothing more.
    pub over: AtomicUsize,
    record: Mutex<Record>,
}

impl Shared {
    /// A run that begins with this record.
    #[must_use]
    pub fn new(options: Options, rooms: Vec<Beginning>, texts: Texts, record: Record) -> Self {
        let record = Mutex::new(record);
        Self { options, rooms, texts, joined: AtomicUsize::new(0), over: AtomicUsize::new(0), record }
    }

    /// What is left when all clients are gone.
    #[must_use]
    pub fn into_parts(self) -> (Options, Record) {
        (self.options, self.record.into_inner().expect("nothing panics while it holds the record"))
    }

    /// The record, for a moment.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().expect("nothing panics while it holds the record")
    }
}

/// What makes a client this one.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    /// Its number, and its sender's.
    pub number: usize,
    /// The place among the URLs where it connects first.
    pub url: usize,
    /// Its namespace.
    pub dialect: Dialect,
    /// Its transport.
    pub transport: Transport,
    /// Its room's number.
    pub room: usize,
    /// When it sends.
    pub pace: Pace,
}

/// A connection that was lost.
struct Outage {
    since: Instant,
    /// How far the room was when the client was connected again.
    until: Option<u64>,
}

/// One client.
pub struct Client {
    role: Role,
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
    begin: Option<Instant>,
    /// It will offer nothing more.
    over: bool,

    jar: Jar,
    url: usize,
    failures: u32,
    token: Option<String>,
    /// On `/chat`, what the server said.
    node: Option<NodeIndex>,
    joined: bool,
    join_ack: Option<u64>,
    outage: Option<Outage>,

    /// The last message that it has shown.
    shown: u64,
    outbox: Outbox,
    planted: Planted<Delivery>,
    to_send: Vec<String>,
}

impl Client {
    /// A client that was never connected.
    #[must_use]
    pub fn new(role: Role, shared: Arc<Shared>, phase: watch::Receiver<Phase>) -> Self {
        let options = &shared.options;
        let window = match (role.dialect, options.in_flight) {
            // As the tutorial's clients, with `retries`: one after the other.
            (Dialect::Tutorial, _) => 1,
            (Dialect::Native, in_flight) => in_flight.map_or(IN_FLIGHT_MAX, |window| window as usize),
        };
        Self {
            begin: None,
            over: false,
            jar: Jar::default(),
            url: role.url,
            failures: 0,
            token: None,
            node: None,
            joined: false,
            join_ack: None,
            outage: None,
            shown: shared.rooms[role.room].head,
            outbox: Outbox::new(window, options.ack_timeout),
            planted: Planted::new(options.plant.filter(|_| role.number == 0)),
            to_send: Vec::new(),
            role,
            shared,
            phase,
        }
    }

    /// Lives until it is dropped.
    pub async fn live(mut self) {
        loop {
            match self.connect().await {
                Ok((mut engine, patience)) => {
                    self.failures = 0;
                    self.shared.record().connected += 1;
                    let Err(why) = self.talk(&mut engine, patience).await;
                    let mut record = self.shared.record();
                    record.connected -= 1;
                    count(&mut record.disconnects, reason(&why));
                    drop(record);
                    self.outbox.disconnected();
                    self.to_send.clear();
                    // One that is lost before it was made up for is one long outage.
                    let since = self.outage.take().map_or_else(Instant::now, |outage| outage.since);
                    self.outage = Some(Outage { since, until: None });
                }
                Err(why) => {
                    count(&mut self.shared.record().failed_connects, reason(&why));
                    self.failures += 1;
                    self.url = (self.url + 1) % self.shared.options.urls.len();
                }
            }
            let pause = self.backoff();
            self.meanwhile(sleep(pause)).await;
        }
    }

    /// Longer with each failure, and never the same for all.
    fn backoff(&self) -> Duration {
        let Options { backoff_min, backoff_max, .. } = self.shared.options;
        let grown = backoff_min.saturating_mul(2_u32.saturating_pow(self.failures)).min(backoff_max);
        grown.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    fn cursor(&self) -> Cursor<'_> {
        let Beginning { room, epoch, .. } = &self.shared.rooms[self.role.room];
        Cursor { room, epoch, seq: self.shown }
    }

    /// Opens a session and connects its socket.
    async fn connect(&mut self) -> anyhow::Result<(Engine, Duration)> {
        let (target, jar) = (self.shared.options.urls[self.url].clone(), self.jar.clone());
        let Role { dialect, transport, .. } = self.role;
        let hello = dialect.connect(self.cursor(), self.joined, self.token.as_deref());
        let connecting = async move {
            let (mut engine, handshake) = Engine::open(&target, &jar, transport).await?;
            let mut to_send = vec![hello];
            loop {
                engine.send(&mut to_send).await?;
                let packet = engine.next().await?;
                if packet.as_str() == "2" {
                    to_send.push("3".to_owned());
                    continue;
                }
                match packet.strip_prefix('4').and_then(|packet| Packet::read(packet, dialect.prefix())) {
                    Some(Packet::Connected) => return Ok((engine, handshake.patience())),
                    Some(Packet::Refused(why)) => bail!("refused: {why:.80}"),
                    _ => bail!("the session ended before it was connected"),
                }
            }
        };
        self.meanwhile(timeout(CONNECT_TIMEOUT, connecting)).await.context("no connection in time")?
    }

    /// Waits for something, and offers what is due meanwhile.
    async fn meanwhile<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        loop {
            self.look_at_phase();
            self.offer_due(Instant::now());
            let look = Instant::now() + LOOK;
            let wake = self.due_at().map_or(look, |due| due.min(look));
            tokio::select! {
                biased;
                got = &mut wanted => return got,
                () = sleep_until(wake.into()) => {}
            }
        }
    }

    /// Speaks and hears until the connection ends, and says why it did.
    async fn talk(
        &mut self,
        engine: &mut Engine,
        patience: Duration,
    ) -> anyhow::Result<std::convert::Infallible> {
        self.connected();
        let mut silence = pin!(sleep(patience));
        let mut timer = pin!(sleep(LOOK));
        let mut phase = pin!(changed(self.phase.clone()));
        self.look_at_phase();
        loop {
            let now = Instant::now();
            self.offer_due(now);
            self.send_due(now);
            if !self.to_send.is_empty() {
                timeout(patience, engine.send(&mut self.to_send))
                    .await
                    .context("the server takes nothing")??;
            }
            let wake = [self.due_at(), self.outbox.wake_at()].into_iter().flatten().min();
            let wake = wake.map(tokio::time::Instant::from_std);
            if let Some(wake) = wake.filter(|wake| *wake != timer.deadline()) {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                packet = engine.next() => {
                    if self.hear(&packet?)? {
                        silence.as_mut().reset(tokio::time::Instant::now() + patience);
                    }
                }
                () = &mut timer, if wake.is_some() => self.outbox.expire(Instant::now()),
                () = &mut silence => bail!("no heartbeat"),
                receiver = &mut phase => {
                    phase.set(changed(receiver));
                    self.look_at_phase();
                }
            }
        }
    }

    fn look_at_phase(&mut self) {
        match *self.phase.borrow() {
            Phase::Gathering => {}
            Phase::Sending(begin) => self.begin = Some(begin),
            Phase::Settling(begin) => {
                self.begin = Some(begin);
                self.role.pace = Pace::Silent;
            }
        }
    }

    fn us_since_begin(&self, now: Instant) -> u64 {
        let since = self.begin.map_or(Duration::ZERO, |begin| now.saturating_duration_since(begin));
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// When the next message is due, or the traffic ends.
    fn due_at(&self) -> Option<Instant> {
        let begin = self.begin.filter(|_| !self.over)?;
        let end = begin + self.shared.options.duration;
        Some(self.role.pace.next_us().map_or(end, |us| end.min(begin + Duration::from_micros(us))))
    }

    /// Puts what is due into the outbox.
    fn offer_due(&mut self, now: Instant) {
        if self.over || self.begin.is_none_or(|begin| now < begin) {
            return;
        }
        let (now_us, duration) = (self.us_since_begin(now), self.shared.options.duration);
        while let Some(due_us) = self.role.pace.due(now_us, self.outbox.len(), duration) {
            let said = self.shared.record().offer(self.role.number, due_us);
            self.outbox.push(said);
        }
        if self.role.pace.is_over(now_us, duration) {
            self.over = true;
            self.shared.over.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands over what may be sent.
    fn send_due(&mut self, now: Instant) {
        if !self.joined {
            return;
        }
        while let Some((ack, said)) = self.outbox.next(now) {
            let mut record = self.shared.record();
            let node = self.node.unwrap_or_else(|| record.node_at(self.url));
            record.sent(said.id, node);
            drop(record);
            let texts = &self.shared.texts;
            let (room, nonce, text) =
                (&self.shared.rooms[self.role.room].room, texts.nonce(said.id), texts.write(said));
            self.to_send.push(self.role.dialect.post(room, &nonce, &text, ack));
        }
    }
}

/// Completes when the phase is another one.
async fn changed(mut phase: watch::Receiver<Phase>) -> watch::Receiver<Phase> {
    if phase.changed().await.is_err() {
        // The run is over, and its clients are about to be dropped.
        std::future::pending::<()>().await;
    }
    phase
}
