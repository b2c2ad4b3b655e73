//! A connection between a client and a node, with its buffers and delays.

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

use crate::{active_faults::ActiveFaults, effects::Effect, history::History, rng::SeededRng};

/// Packets that wait for the client. When it is full, it takes no more.
const BUFFER_MAX: usize = 16;
/// Posts that wait for the node. Further ones are refused.
pub(crate) const QUEUE_MAX: usize = 6;
/// Pages that may be unacked at any time.
const PAGES_UNACKED: usize = 2;

/// A client's post. `room` is the room's index among the client's rooms.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) room: usize,
    pub(crate) name: RoomName,
    pub(crate) nonce: Nonce,
    /// The message that it edits.
    pub(crate) target: Option<Seq>,
    pub(crate) text: String,
    /// Identifies the response.
    pub(crate) ack: u64,
}

/// What a node sends to a client.
pub(crate) enum Packet {
    /// All rooms are joined; whether each was recovered.
    Session(Vec<bool>),
    /// Messages that follow its position in a room.
    Messages(RoomName, Vec<Arc<Message>>),
    /// The same as a page, which must be acked.
    Page(RoomName, Vec<Arc<Message>>),
    /// The member list of a room.
    Members(RoomName, MemberList),
    /// A presence event of a room.
    Presence(Arc<PresenceEvent>),
    /// The response to a post.
    Response { room: usize, ack: u64, outcome: Result<Receipt, PostError> },
}

/// One connection.
pub(crate) struct Connection {
    client: usize,
    state: Mutex<State>,
    readable: Notify,
    drains: watch::Sender<()>,
    closed: CancellationToken,
    faults: Arc<ActiveFaults>,
    history: Arc<History>,
}

struct State {
    buffer: VecDeque<Packet>,
    pages_unacked: usize,
    /// When the buffered packets reach the client.
    arrives_at: Option<Instant>,
    rng: SeededRng,
}

impl Connection {
    pub(crate) fn new(
        client: usize,
        faults: Arc<ActiveFaults>,
        history: Arc<History>,
        rng: SeededRng,
    ) -> Arc<Self> {
        let state = State { buffer: VecDeque::new(), pages_unacked: 0, arrives_at: None, rng };
        Arc::new(Self {
            client,
            state: Mutex::new(state),
            readable: Notify::new(),
            drains: watch::Sender::new(()),
            closed: CancellationToken::new(),
            faults,
            history,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Closes it and drops what is buffered.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// The node cuts the client.
    pub(crate) fn cut(&self) {
        if !self.closed.is_cancelled() {
            self.history.took_effect(Effect::SessionCut, self.client);
        }
        self.close();
    }

    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// Changes whenever there may be more free slots.
    pub(crate) fn drains(&self) -> watch::Receiver<()> {
        self.drains.subscribe()
    }

    /// How many packets it takes now.
    pub(crate) fn free_slots(&self) -> usize {
        BUFFER_MAX - self.state().buffer.len()
    }

    /// Whether it takes another page now.
    pub(crate) fn takes_page(&self) -> bool {
        let state = self.state();
        state.pages_unacked < PAGES_UNACKED && state.buffer.len() < BUFFER_MAX
    }

    /// Buffers a packet; returns false if it is full.
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

    /// Waits for the next packets; `None` once the connection is closed.
    pub(crate) async fn receive(&self) -> Option<Vec<Packet>> {
        loop {
            let Some(at) = self.arrival() else {
                self.closed.run_until_cancelled(self.readable.notified()).await?;
                continue;
            };
            let at = at.max(self.faults.end(Effect::SocketStalled, self.client));
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

    /// When the buffered packets arrive; `None` if there are none.
    fn arrival(&self) -> Option<Instant> {
        let mut state = self.state();
        if state.buffer.is_empty() {
            return None;
        }
        if let Some(at) = state.arrives_at {
            return Some(at);
        }
        for effect in [Effect::SocketSlow, Effect::SocketStalled] {
            if self.faults.is_active(effect, self.client) {
                self.history.took_effect(effect, self.client);
            }
        }
        let slow = self.faults.is_active(Effect::SocketSlow, self.client);
        let latency = if slow { state.rng.ms(50, 400) } else { state.rng.ms(1, 6) };
        state.arrives_at = Some(Instant::now() + latency);
        state.arrives_at
    }

    fn take(&self) -> Vec<Packet> {
        let mut state = self.state();
        state.arrives_at = None;
        let slow = self.faults.is_active(Effect::SocketSlow, self.client);
        let count = if slow { state.rng.between(1, 3) as usize } else { BUFFER_MAX };
        let count = count.min(state.buffer.len());
        state.buffer.drain(..count).collect()
    }
}

/// The client's end of a connection.
pub(crate) struct ClientEnd {
    pub(crate) connection: Arc<Connection>,
    queue: mpsc::Sender<(PostIndex, Post)>,
    /// Numbers the posts; shared with the sender if that keeps the order across refusals.
    order: Arc<Mutex<SenderOrder>>,
    /// Whether the protocol reports retryable errors.
    reports_retryable: bool,
}

impl ClientEnd {
    /// The client's end, and the queue that the node reads from.
    pub(crate) fn new(
        connection: Arc<Connection>,
        order: Option<Arc<Mutex<SenderOrder>>>,
        reports_retryable: bool,
    ) -> (Self, mpsc::Receiver<(PostIndex, Post)>) {
        let (to_queue, queue) = mpsc::channel(QUEUE_MAX);
        (Self { connection, queue: to_queue, order: order.unwrap_or_default(), reports_retryable }, queue)
    }

    /// Sends a post. Like the gateway, the node numbers it when it reads it, and refuses it at once if its queue is
    /// full.
    pub(crate) fn send(&self, post: Post) {
        let index = self.order().number();
        if let Err(mpsc::error::TrySendError::Full((index, post))) = self.queue.try_send((index, post)) {
            self.connection.history.took_effect(Effect::QueueFull, self.connection.client);
            self.order().refused(index, &post.name, &post.nonce, Instant::now());
            if self.reports_retryable {
                let outcome = Err(PostError::Overloaded);
                self.connection.push(Packet::Response { room: post.room, ack: post.ack, outcome });
            }
        }
    }

    fn order(&self) -> MutexGuard<'_, SenderOrder> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
