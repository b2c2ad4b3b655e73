//! A connection between a client and a node: what is under way, and how slowly.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chorus::chat::{
    model::{Message, Nonce, RoomName, Seq},
    ports::Receipt,
    presence::{room_presence::MemberList, subscription::PresenceEvent},
    publish::{
        post::PostError,
        sender_order::{PostIndex, SenderOrder},
    },
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{dice::Dice, history::History, tally::Effect, weather::Weather};

/// Packets that wait for the client; further ones are not taken.
const BUFFER_MAX: usize = 16;
/// Posts that wait for the node; further ones are refused.
pub(crate) const QUEUE_MAX: usize = 6;
/// Pages that a client has not acked.
const PAGES_UNACKED: usize = 2;

/// A request for a room of the client's, numbered as the client numbers its rooms.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) room: usize,
    pub(crate) name: RoomName,
    pub(crate) nonce: Nonce,
    /// The message that it edits.
    pub(crate) of: Option<Seq>,
    pub(crate) text: String,
    /// What the answer is for.
    pub(crate) ack: u64,
}

/// What a node tells a client.
pub(crate) enum Packet {
    /// Its rooms are joined, and whether each was recovered.
    Session(Vec<bool>),
    /// What follows its place in a room.
    Messages(RoomName, Vec<Arc<Message>>),
    /// The same, to be acked.
    Page(RoomName, Vec<Arc<Message>>),
    /// Who is in a room.
    Members(RoomName, MemberList),
    /// Who came to a room, and left it.
    Presence(Arc<PresenceEvent>),
    Answer {
        room: usize,
        ack: u64,
        outcome: Result<Receipt, PostError>,
    },
}

/// One connection.
pub(crate) struct Connection {
    client: usize,
    state: Mutex<State>,
    readable: Notify,
    drains: watch::Sender<()>,
    closed: CancellationToken,
    weather: Arc<Weather>,
    history: Arc<History>,
}

struct State {
    buffer: VecDeque<Packet>,
    pages_unacked: usize,
    /// When the client gets what waits.
    arrives_at: Option<Instant>,
    dice: Dice,
}

impl Connection {
    pub(crate) fn new(client: usize, weather: Arc<Weather>, history: Arc<History>, dice: Dice) -> Arc<Self> {
        let state = State { buffer: VecDeque::new(), pages_unacked: 0, arrives_at: None, dice };
        Arc::new(Self {
            client,
            state: Mutex::new(state),
            readable: Notify::new(),
            drains: watch::Sender::new(()),
            closed: CancellationToken::new(),
            weather,
            history,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Ends it; what was under way is gone.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// The node gives the client up.
    pub(crate) fn cut(&self) {
        if !self.closed.is_cancelled() {
            self.history.struck(Effect::SessionCut, self.client);
        }
        self.close();
    }

    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// Told whenever there may be more room.
    pub(crate) fn drains(&self) -> watch::Receiver<()> {
        self.drains.subscribe()
    }

    /// For how many packets there is room.
    pub(crate) fn room(&self) -> usize {
        BUFFER_MAX - self.state().buffer.len()
    }

    /// Whether one more page may be under way.
    pub(crate) fn takes_page(&self) -> bool {
        let state = self.state();
        state.pages_unacked < PAGES_UNACKED && state.buffer.len() < BUFFER_MAX
    }

    /// Takes a packet if there is room for it.
    pub(crate) fn push(&self, packet: Packet) -> bool {
        let mut state = self.state();
        if BUFFER_MAX <= state.buffer.len() {
            return false;
        }
        state.pages_unacked += usize::from(matches!(packet, Packet::Page(..)));
        state.buffer.push_back(packet);
        self.readable.notify_one();
        true
    }

    pub(crate) fn ack_page(&self) {
        self.state().pages_unacked -= 1;
        self.drains.send_replace(());
    }

    /// What has come to the client; `None` once the connection is gone.
    pub(crate) async fn receive(&self) -> Option<Vec<Packet>> {
        loop {
            let Some(at) = self.arrival() else {
                self.closed.run_until_cancelled(self.readable.notified()).await?;
                continue;
            };
            let at = at.max(self.weather.end(Effect::SocketStalled, self.client));
            if Instant::now() < at {
                self.closed.run_until_cancelled(sleep_until(at)).await?;
                continue;
            }
            if self.closed.is_cancelled() {
                return None;
            }
            let packets = self.take();
            self.drains.send_replace(());
            return Some(packets);
        }
    }

    /// When what waits will have come; `None` if nothing waits.
    fn arrival(&self) -> Option<Instant> {
        let mut state = self.state();
        if state.buffer.is_empty() {
            return None;
        }
        if let Some(at) = state.arrives_at {
            return Some(at);
        }
        for what in [Effect::SocketSlow, Effect::SocketStalled] {
            if self.weather.rages(what, self.client) {
                self.history.struck(what, self.client);
            }
        }
        let slow = self.weather.rages(Effect::SocketSlow, self.client);
        let latency = if slow { state.dice.ms(50, 400) } else { state.dice.ms(1, 6) };
        state.arrives_at = Some(Instant::now() + latency);
        state.arrives_at
    }

    fn take(&self) -> Vec<Packet> {
        let mut state = self.state();
        state.arrives_at = None;
        let slow = self.weather.rages(Effect::SocketSlow, self.client);
        let count = if slow { state.dice.between(1, 3) as usize } else { BUFFER_MAX };
        let count = count.min(state.buffer.len());
        state.buffer.drain(..count).collect()
    }
}

/// The client's end of a connection.
pub(crate) struct ClientEnd {
    pub(crate) connection: Arc<Connection>,
    queue: mpsc::Sender<(PostIndex, Post)>,
    /// Numbers what is read; the sender's own, if it keeps the order across refusals.
    order: Arc<Mutex<SenderOrder>>,
    /// Whether the socket's protocol tells of a refusal that may pass.
    tells: bool,
}

impl ClientEnd {
    /// A client's end, and the queue that the node takes from.
    pub(crate) fn new(
        connection: Arc<Connection>,
        order: Option<Arc<Mutex<SenderOrder>>>,
        tells: bool,
    ) -> (Self, mpsc::Receiver<(PostIndex, Post)>) {
        let (to_queue, queue) = mpsc::channel(QUEUE_MAX);
        (Self { connection, queue: to_queue, order: order.unwrap_or_default(), tells }, queue)
    }

    /// Sends a post. As the gateway does, the node numbers it as it reads it, and refuses it
    /// there and then if its queue is full.
    pub(crate) fn send(&self, post: Post) {
        let index = self.order().number();
        if let Err(mpsc::error::TrySendError::Full((index, post))) = self.queue.try_send((index, post)) {
            self.connection.history.struck(Effect::QueueFull, self.connection.client);
            self.order().refused(index, &post.name, &post.nonce, Instant::now());
            if self.tells {
                let outcome = Err(PostError::Overloaded);
                self.connection.push(Packet::Answer { room: post.room, ack: post.ack, outcome });
            }
        }
    }

    fn order(&self) -> MutexGuard<'_, SenderOrder> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
