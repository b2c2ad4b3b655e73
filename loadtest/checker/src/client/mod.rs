//! A simulated client: connects, sends, shows what it receives, and recovers after a lost connection.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, atomic::Ordering},
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
    fault::FaultInjector,
    http::Jar,
    latency::NodeIndex,
    options::{Options, Transport},
    outbox::Outbox,
    packet::Packet,
    record::{Delivery, count, reason},
    schedule::Schedule,
    shared::{Phase, RoomStart, Shared},
};

mod receive;

/// The official client's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// In-flight messages of one sender with a fixed rate.
const IN_FLIGHT_MAX: usize = 64;
/// How often a client without a connection checks the phase.
const PHASE_CHECK: Duration = Duration::from_millis(200);

/// What distinguishes one client from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    /// Client and sender number.
    pub(crate) number: usize,
    /// Index of the URL that the client connects to first.
    pub(crate) url: usize,
    pub(crate) dialect: Dialect,
    pub(crate) transport: Transport,
    /// Index of the client's room.
    pub(crate) room: usize,
    pub(crate) schedule: Schedule,
}

/// A lost connection that the client has not made up for yet.
struct Outage {
    since: Instant,
    /// The room's head when the client had reconnected; the outage ends once it has shown that.
    until: Option<u64>,
}

pub(crate) struct Client {
    role: Role,
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
    /// When sending started.
    begin: Option<Instant>,
    /// The client will offer no more messages.
    finished: bool,

    jar: Jar,
    url: usize,
    failures: u32,
    token: Option<String>,
    /// The node's name, which only `/chat` tells.
    node: Option<NodeIndex>,
    joined: bool,
    join_ack: Option<u64>,
    outage: Option<Outage>,

    /// The highest seq shown.
    shown: u64,
    outbox: Outbox,
    faults: FaultInjector<Delivery>,
    to_send: Vec<String>,
}

impl Client {
    pub(crate) fn new(role: Role, shared: Arc<Shared>, phase: watch::Receiver<Phase>) -> Self {
        let options = &shared.options;
        let window = match (role.dialect, options.in_flight) {
            // Like the tutorial's clients with `retries`: one message at a time.
            (Dialect::Tutorial, _) => 1,
            (Dialect::Native, in_flight) => in_flight.map_or(IN_FLIGHT_MAX, |window| window as usize),
        };
        Self {
            begin: None,
            finished: false,
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
            faults: FaultInjector::new(options.plant.filter(|_| role.number == 0)),
            to_send: Vec::new(),
            role,
            shared,
            phase,
        }
    }

    /// Runs the client until the future is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            match self.connect().await {
                Ok((mut engine, heartbeat_timeout)) => {
                    self.failures = 0;
                    self.shared.record().connected += 1;
                    let Err(error) = self.communicate(&mut engine, heartbeat_timeout).await;
                    let mut record = self.shared.record();
                    record.connected -= 1;
                    count(&mut record.disconnects, reason(&error));
                    drop(record);
                    self.outbox.disconnected();
                    self.to_send.clear();
                    // Losing the connection again before catching up prolongs the outage.
                    let since = self.outage.take().map_or_else(Instant::now, |outage| outage.since);
                    self.outage = Some(Outage { since, until: None });
                }
                Err(error) => {
                    count(&mut self.shared.record().failed_connects, reason(&error));
                    self.failures += 1;
                    self.url = (self.url + 1) % self.shared.options.urls.len();
                }
            }
            let pause = self.backoff();
            self.offer_while(sleep(pause)).await;
        }
    }

    /// Exponential, with jitter so that clients do not reconnect in step.
    fn backoff(&self) -> Duration {
        let Options { backoff_min, backoff_max, .. } = self.shared.options;
        let grown = backoff_min.saturating_mul(2_u32.saturating_pow(self.failures)).min(backoff_max);
        grown.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    fn cursor(&self) -> Cursor<'_> {
        let RoomStart { room, epoch, .. } = &self.shared.rooms[self.role.room];
        Cursor { room, epoch, seq: self.shown }
    }

    /// Opens a session and connects to the namespace; returns the heartbeat timeout as well.
    async fn connect(&mut self) -> anyhow::Result<(Engine, Duration)> {
        let (target, jar) = (self.shared.options.urls[self.url].clone(), self.jar.clone());
        let Role { dialect, transport, .. } = self.role;
        let connect = dialect.connect(self.cursor(), self.joined, self.token.as_deref());
        let connecting = async move {
            let (mut engine, handshake) = Engine::open(&target, &jar, transport).await?;
            let mut to_send = vec![connect];
            loop {
                engine.send(&mut to_send).await?;
                let packet = engine.next().await?;
                if packet.as_str() == "2" {
                    to_send.push("3".to_owned());
                    continue;
                }
                match packet.strip_prefix('4').and_then(|packet| Packet::read(packet, dialect.prefix())) {
                    Some(Packet::Connected) => return Ok((engine, handshake.heartbeat_timeout())),
                    Some(Packet::Refused(why)) => bail!("refused: {why:.80}"),
                    _ => bail!("unexpected packet before the namespace was connected"),
                }
            }
        };
        self.offer_while(timeout(CONNECT_TIMEOUT, connecting)).await.context("connect timeout")?
    }

    /// Awaits `future` and offers messages that become due meanwhile.
    async fn offer_while<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            self.update_phase();
            self.offer_due(Instant::now());
            let check = Instant::now() + PHASE_CHECK;
            let wake = self.due_at().map_or(check, |due| due.min(check));
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = sleep_until(wake.into()) => {}
            }
        }
    }

    /// Sends and receives until the connection ends; the error says why it did.
    async fn communicate(
        &mut self,
        engine: &mut Engine,
        heartbeat_timeout: Duration,
    ) -> anyhow::Result<std::convert::Infallible> {
        self.on_connected();
        let mut silence = pin!(sleep(heartbeat_timeout));
        let mut timer = pin!(sleep(PHASE_CHECK));
        let mut phase = pin!(phase_changed(self.phase.clone()));
        self.update_phase();
        loop {
            let now = Instant::now();
            self.offer_due(now);
            self.send_due(now);
            if !self.to_send.is_empty() {
                timeout(heartbeat_timeout, engine.send(&mut self.to_send))
                    .await
                    .context("the server does not read")??;
            }
            let wake = [self.due_at(), self.outbox.wake_at()].into_iter().flatten().min();
            let wake = wake.map(tokio::time::Instant::from_std);
            if let Some(wake) = wake.filter(|wake| *wake != timer.deadline()) {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                packet = engine.next() => {
                    if self.receive(&packet?)? {
                        silence.as_mut().reset(tokio::time::Instant::now() + heartbeat_timeout);
                    }
                }
                () = &mut timer, if wake.is_some() => self.outbox.expire(Instant::now()),
                () = &mut silence => bail!("no heartbeat"),
                receiver = &mut phase => {
                    phase.set(phase_changed(receiver));
                    self.update_phase();
                }
            }
        }
    }

    fn update_phase(&mut self) {
        match *self.phase.borrow() {
            Phase::Connecting => {}
            Phase::Sending(begin) => self.begin = Some(begin),
            Phase::Settling(begin) => {
                self.begin = Some(begin);
                self.role.schedule = Schedule::ReceiveOnly;
            }
        }
    }

    fn us_since_begin(&self, now: Instant) -> u64 {
        let since = self.begin.map_or(Duration::ZERO, |begin| now.saturating_duration_since(begin));
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// When the next message is due or sending ends.
    fn due_at(&self) -> Option<Instant> {
        let begin = self.begin.filter(|_| !self.finished)?;
        let end = begin + self.shared.options.duration;
        Some(self.role.schedule.next_due_us().map_or(end, |us| end.min(begin + Duration::from_micros(us))))
    }

    /// Puts due messages into the outbox.
    fn offer_due(&mut self, now: Instant) {
        if self.finished || self.begin.is_none_or(|begin| now < begin) {
            return;
        }
        let (now_us, duration) = (self.us_since_begin(now), self.shared.options.duration);
        while let Some(due_us) = self.role.schedule.take_due(now_us, self.outbox.len(), duration) {
            let message = self.shared.record().offer(self.role.number, due_us);
            self.outbox.push(message);
        }
        if self.role.schedule.is_finished(now_us, duration) {
            self.finished = true;
            self.shared.finished.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Encodes the messages that the outbox releases.
    fn send_due(&mut self, now: Instant) {
        if !self.joined {
            return;
        }
        while let Some((ack, message)) = self.outbox.next(now) {
            let mut record = self.shared.record();
            let node = self.node.unwrap_or_else(|| record.node_at(self.url));
            record.sent(message.id, node);
            drop(record);
            let texts = &self.shared.texts;
            let (room, nonce, text) =
                (&self.shared.rooms[self.role.room].room, texts.nonce(message.id), texts.write(message));
            self.to_send.push(self.role.dialect.post(room, &nonce, &text, ack));
        }
    }
}

/// Completes when the phase changes.
async fn phase_changed(mut phase: watch::Receiver<Phase>) -> watch::Receiver<Phase> {
    if phase.changed().await.is_err() {
        // The run is over, and the client is about to be dropped.
        std::future::pending::<()>().await;
    }
    phase
}
