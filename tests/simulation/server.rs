//! The node's end of a connection: what the gateway does, without Socket.IO.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chorus::chat::{
    delivery::session::{MessageSink, Session},
    fanout::cursor::Pace,
    model::{Author, Epoch, Kind, Message, RoomName, Seq},
    ports::Receipt,
    presence::{participant::Participant, tracker::PresenceTracker},
    publish::{
        ordered_sender::OrderedSender,
        post::{self, PostBody, PostError},
        sender::Sender,
        sender_order::{PostIndex, SenderOrder},
    },
    service::{ChatService, Entered, JoinError, Start},
};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, watch},
    time::{sleep, timeout},
};

use crate::{
    connection::{Connection, Packet, Post},
    effects::Effect,
};

/// How long a client may take nothing before it is cut.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Posts in one batch.
const BATCH_MAX: usize = 4;
/// The capacity for a page that the session is told, and how many messages then really fit.
const PAGE_MESSAGES: usize = 40;
const PAGE_FITS: usize = 12;
/// Buffer slots that presence events leave to messages and responses.
const RESERVED_SLOTS: usize = 4;

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `/chat`: several posts in flight, ordered across refusals; catches up in pages.
    Native,
    /// `/`: one post at a time, and no response to a retryable error.
    Tutorial,
    /// The HTTP API: one post at a time; receives messages as on `/chat`.
    Api,
}

/// What a client sends when it connects.
pub(crate) struct ConnectRequest {
    pub(crate) protocol: Protocol,
    pub(crate) author: Author,
    pub(crate) rooms: Vec<(RoomName, Epoch, Seq)>,
}

/// A sender with or without an order across refusals.
pub(crate) enum AnySender {
    Ordered(OrderedSender),
    Plain(Sender),
}

impl AnySender {
    /// The order across refusals, if it keeps one.
    pub(crate) fn order(&self) -> Option<Arc<Mutex<SenderOrder>>> {
        match self {
            Self::Ordered(sender) => Some(sender.order()),
            Self::Plain(_) => None,
        }
    }

    async fn post(&mut self, posts: Vec<(PostIndex, post::Post)>) -> Vec<Result<Receipt, PostError>> {
        match self {
            Self::Ordered(sender) => sender.post(posts).await,
            Self::Plain(sender) => sender.post(posts.into_iter().map(|(_, post)| post).collect()).await,
        }
    }
}

/// The node's end of a connection.
pub(crate) struct Server {
    pub(crate) chat: Arc<ChatService>,
    pub(crate) presence: Arc<PresenceTracker>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) sender: AnySender,
    pub(crate) connect: ConnectRequest,
}

impl Server {
    /// Runs until the connection is closed. Posts that were read before that are still stored.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<(PostIndex, Post)>) {
        let ended = self.connection.closed().clone();
        let (chat, connection, paged) =
            (self.chat.clone(), self.connection.clone(), self.connect.protocol != Protocol::Tutorial);
        let participant = paged.then(|| Participant::new(&self.presence, self.connect.author.clone()));
        let session = chat.session(participant.clone(), ended.clone());
        let events_connection = connection.clone();
        let out = Sink { drains: AsyncMutex::new(connection.drains()), connection, paged };
        let moves = session.pump(chat.log().as_ref(), &out, PATIENCE);
        let requests = async {
            let mut drains = self.connection.drains();
            self.begin(&session, &mut drains).await;
            let closing = ended.cancelled();
            tokio::pin!(closing);
            let mut batch = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    taken = queue.recv_many(&mut batch, BATCH_MAX) => match taken {
                        0 => break,
                        _ => self.post_batch(std::mem::take(&mut batch), &mut drains).await,
                    },
                    () = &mut closing, if !queue.is_closed() => queue.close(),
                }
            }
        };
        let events = async {
            if let Some(participant) = &participant {
                ended.run_until_cancelled(emit_events(&events_connection, participant)).await;
            }
        };
        tokio::join!(moves, requests, events);
    }

    async fn begin(&mut self, session: &Arc<Session>, drains: &mut watch::Receiver<()>) {
        let mut entered = Vec::new();
        for (room, epoch, seq) in std::mem::take(&mut self.connect.rooms) {
            let epoch = Some(epoch).filter(|_| self.connect.protocol != Protocol::Tutorial);
            let start = Start::After { epoch, seq, or_newest: 0 };
            match self.join(session, &room, start).await {
                Some(room) => entered.push(room),
                None => return,
            }
        }
        let recovered = entered.iter().map(|entered| entered.joined().recovered).collect();
        self.push(Packet::Session(recovered), drains).await;
        let rooms: Vec<_> = entered.iter().map(|entered| entered.name().clone()).collect();
        entered.into_iter().for_each(Entered::follow);
        // Clients ask for the members once they have joined.
        for room in rooms.into_iter().filter(|_| self.connect.protocol != Protocol::Tutorial) {
            let members = self.presence.members(&room).await;
            self.push(Packet::Members(room, members.list), drains).await;
        }
    }

    /// Joins as soon as the log can be read, or cuts the client, which then reconnects.
    async fn join(&self, session: &Arc<Session>, room: &RoomName, start: Start) -> Option<Entered> {
        let tries = async {
            loop {
                match self.chat.join(session, room, start).await {
                    Ok(entered) => return Some(entered),
                    Err(JoinError::TooManyRooms(_)) => return None,
                    Err(JoinError::Read(_)) => sleep(Duration::from_millis(250)).await,
                }
            }
        };
        let entered = self.connection.closed().run_until_cancelled(timeout(PATIENCE, tries)).await?;
        entered.unwrap_or_else(|_| {
            self.connection.cut();
            None
        })
    }

    /// Stores a batch of posts and responds to each.
    async fn post_batch(&mut self, batch: Vec<(PostIndex, Post)>, drains: &mut watch::Receiver<()>) {
        let acks: Vec<_> = batch.iter().map(|(_, post)| (post.room, post.ack)).collect();
        let posts = batch.into_iter().map(|(index, post)| (index, parse(post)));
        let outcomes = if self.connect.protocol == Protocol::Api {
            self.post_each(posts.map(|(_, post)| post).collect()).await
        } else {
            self.sender.post(posts.collect()).await
        };
        for ((room, ack), outcome) in acks.into_iter().zip(outcomes) {
            let is_retryable = outcome.as_ref().is_err_and(PostError::is_retryable);
            if self.connect.protocol != Protocol::Tutorial || !is_retryable {
                self.push(Packet::Response { room, ack, outcome }, drains).await;
            }
        }
    }

    async fn post_each(&self, posts: Vec<post::Post>) -> Vec<Result<Receipt, PostError>> {
        let mut outcomes = Vec::new();
        for post in posts {
            outcomes.push(self.chat.post(&self.connect.author, post).await);
        }
        outcomes
    }

    /// Sends a packet once there is a free slot. A client that frees none in time is cut.
    async fn push(&self, packet: Packet, drains: &mut watch::Receiver<()>) {
        let free_slot = async {
            while self.connection.free_slots() == 0 {
                let _ = drains.changed().await;
            }
        };
        match self.connection.closed().run_until_cancelled(timeout(PATIENCE, free_slot)).await {
            Some(Ok(())) => drop(self.connection.push(packet)),
            Some(Err(_)) => self.connection.cut(),
            None => {}
        }
    }
}

/// Sends presence events to a client when messages leave slots for them. It never returns.
async fn emit_events(connection: &Connection, participant: &Participant) {
    let mut drains = connection.drains();
    loop {
        let event = participant.next_event().await;
        while connection.free_slots() <= RESERVED_SLOTS || !connection.push(Packet::Presence(event.clone())) {
            let _ = drains.changed().await;
        }
    }
}

fn parse(post: Post) -> post::Post {
    let kind = post.target.map(|_| Kind::Edit);
    let kind = kind.as_ref().map(Kind::as_str);
    let body =
        PostBody::new(kind, post.target.map(|target| target.0), &post.text, 1_000).expect("a short text");
    post::Post { room: post.name, nonce: Some(post.nonce), body, trace: None }
}

/// The session's socket: the connection's buffer.
struct Sink {
    connection: Arc<Connection>,
    drains: AsyncMutex<watch::Receiver<()>>,
    paged: bool,
}

#[async_trait]
impl MessageSink for Sink {
    fn capacity(&self, pace: Pace) -> usize {
        match pace {
            Pace::CatchUp if self.paged && self.connection.takes_page() => PAGE_MESSAGES,
            Pace::CatchUp if self.paged => 0,
            Pace::Live | Pace::CatchUp => self.connection.free_slots(),
        }
    }

    fn deliver(&self, room: &RoomName, messages: &[Arc<Message>], pace: Pace) -> usize {
        let taken = if self.paged && pace == Pace::CatchUp {
            let page = &messages[..messages.len().min(PAGE_FITS)];
            let taken = self.connection.takes_page()
                && self.connection.push(Packet::Page(room.clone(), page.to_vec()));
            if taken { page.len() } else { 0 }
        } else {
            let push = |message: &&Arc<Message>| {
                self.connection.push(Packet::Messages(room.clone(), vec![Arc::clone(message)]))
            };
            messages.iter().take_while(push).count()
        };
        if taken < messages.len() {
            self.connection.history().took_effect(Effect::BufferFull, 0);
        }
        taken
    }

    fn history_truncated(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        self.connection.history().violation(format!(
            "a client was told that history of {room} after {after} up to {upto} is gone"
        ));
        true
    }

    async fn drained(&self) {
        let _ = self.drains.lock().await.changed().await;
    }

    fn cut(&self) {
        self.connection.cut();
    }
}
