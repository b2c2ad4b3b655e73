//! What the domain asks of the outside, as traits with written contracts.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{
    presence::{NodeRun, Roster},
    search::SearchQuery,
    types::{Author, Draft, Epoch, Message, NodeId, Nonce, Position, RoomName, Seq, UnixMs, UserId},
};

/// What one commit stored, in the order of the log. A log hands it on when it
/// has committed and never waits: a full channel loses it, and the sweep
/// brings it later.
pub type Commits = mpsc::Sender<Vec<Arc<Message>>>;

/// The durable, ordered history of every room.
///
/// The log is the truth. A message exists once [`append`](Self::append) has
/// returned it, and its `seq` is the only order that clients see.
///
/// Implementations pass the checks in `store::contract`.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// The log's identity, the same on every node that shares it.
    fn epoch(&self) -> Epoch;

    /// The key that all nodes of this log share; made with the log, never shown.
    /// What is signed or sealed derives its own key from it.
    fn key(&self) -> &[u8; 32];

    /// Stores a run of drafts of one sender, in their order, and gives each the
    /// next place in its room.
    ///
    /// One call is one unit: all of it is stored or nothing, so that a failure
    /// never lets a later draft overtake an earlier one. A nonce makes a retry
    /// safe: a draft with the room, author id and nonce of an earlier one (in
    /// this run, too) stores nothing and is [`Appended::Known`], with another
    /// text, kind or `of` [`Appended::Conflict`]. Nonces are remembered for
    /// `log.nonce_ttl`, also beyond a pruned message.
    ///
    /// Completes once the messages would survive a loss of power. Calls for one
    /// room take effect one after the other, on every node. What was stored is
    /// also sent to the log's [`Commits`], whether or not the caller still waits.
    ///
    /// # Errors
    ///
    /// [`AppendError`] says whether anything can have been stored.
    async fn append(&self, run: Vec<Draft>) -> Result<Vec<Appended>, AppendError>;

    /// Whether an earlier [`append`](Self::append) has stored something under this nonce, which is remembered:
    /// another one would store nothing. What is just being stored may not be known yet.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn knows(&self, room: &RoomName, author: &UserId, nonce: &Nonce) -> Result<bool, ReadError>;

    /// Reads up to `limit` messages after `after`, ascending. Without holes,
    /// but the first may lie further on where history was pruned. It may return
    /// fewer than `limit` to bound the bytes, but none only at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError>;

    /// Reads the newest `limit` messages before `before`, ascending, bounded as [`read`](Self::read)
    /// is (the newest are kept).
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError>;

    /// Reads the newest `limit` messages that are `of` one from `first` to `last` and lie beyond `last`
    /// themselves, ascending; bounded in bytes as well, so that the oldest may be missing.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError>;

    /// Finds up to `limit` ordinary messages before `before` that have the words, newest first, with what they
    /// say now: the newest edit, and nothing if they were deleted. Bounded in bytes as [`read`](Self::read)
    /// is. Appends pay nothing for it, so that of much that was just said some may be found only later.
    ///
    /// It may be costly, so that a log lets a node's searches take turns and gives each some seconds, for its
    /// turn and for itself. What was found by then is answered, and [`Found::more`] set.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now, its turn did not come, or nothing was found in time: the
    /// caller may try again later, or ask for more words.
    async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<Found, ReadError>;

    /// What of a room is there; an unknown room is an empty one.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError>;

    /// Up to `limit` rooms after the one named `after`, by name.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError>;

    /// The newest place in the whole log: where a node that starts begins to
    /// ask for [`growth`](Self::growth).
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn position(&self) -> Result<Position, ReadError>;

    /// The rooms that have grown after a place in the whole log; the cheap
    /// question that bounds how late a lost hint can be. One caller a node asks
    /// it, each time with the position it was told last.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    async fn growth(&self, after: Position) -> Result<Growth, ReadError>;

    /// Whether the log takes messages, as far as the last tries told. It asks nothing and never waits, as
    /// [`is_readable`](Self::is_readable).
    fn is_writable(&self) -> bool;

    /// Whether the log can be read, as far as the last [`growth`](Self::growth) told, which whoever runs a node
    /// asks again and again. That others have to wait for their reads does not count: it is so on every node.
    fn is_readable(&self) -> bool;

    /// What it occupies, asked now; `None` if it is on no disk, or that does not answer.
    fn space(&self) -> Option<Space> {
        None
    }

    /// Waits until the commits under way are done and takes no more; a later
    /// [`append`](Self::append) is refused as [`AppendError::Unavailable`]. The log's
    /// [`Commits`] end: what was sent is still received, and then nothing more.
    async fn close(&self);
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub messages: Vec<Arc<Message>>,
    /// There are earlier ones, or the search took too long to know.
    pub more: bool,
}

/// What became of one draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is stored at this place.
    Stored(Receipt),
    /// An earlier call stored it, at this place.
    Known(Receipt),
    /// Its nonce belongs to a message with another text or kind; nothing was stored.
    Conflict,
}

/// Where and when a message was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the room.
    pub seq: Seq,
    /// When the storing node took it.
    pub at: UnixMs,
}

/// Why a run of drafts was not, or not surely, stored.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was stored, since more waits than the log takes; wait and try again.
    #[error("the message log is busy")]
    Busy,
    /// Nothing was stored, since the log cannot be written now; wait and try again.
    #[error("the message log cannot be written")]
    Unavailable(#[source] anyhow::Error),
    /// It is not known whether it was stored: only the same nonce settles it.
    #[error("the message log failed half way")]
    Unknown(#[source] anyhow::Error),
}

/// The log cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("the message log cannot be read")]
pub struct ReadError(#[source] pub anyhow::Error);

/// What of a room is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The last place that pruning took away; [`Seq::ZERO`] if nothing was.
    pub pruned: Seq,
    /// The newest message's place; [`Seq::ZERO`] in an empty room.
    pub head: Seq,
}

/// A room, as a list of rooms shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoom {
    /// The room.
    pub room: RoomName,
    /// What of it is there.
    pub extent: Extent,
    /// Its newest ordinary message, as it was said; `None` if there is none among so many of its newest
    /// messages as a log looks at. It may look at fewer where others of the list took much looking.
    pub last: Option<Arc<Message>>,
}

/// What a log occupies, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its file.
    pub file_bytes: u64,
    /// What was committed and is not yet in that.
    pub wal_bytes: u64,
    /// What its file system still takes from this process.
    pub disk_free_bytes: u64,
    /// Its file system.
    pub disk_bytes: u64,
}

/// How far a log has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// How far this answer goes: the newest place in the whole log, or less
    /// where more has grown than one answer tells.
    pub position: Position,
    /// The rooms that have grown up to there, each with its newest place.
    pub heads: Vec<(RoomName, Seq)>,
}

/// Hints between nodes: late, repeated, reordered or lost, and nothing breaks.
///
/// None of the calls waits, fails or blocks. An implementation passes what it
/// receives on to the [`Hints`] channel that it was made with.
pub trait ClusterBus: Send + Sync {
    /// Tells the other nodes of messages that are durable. Its queue is bounded
    /// and it may drop: the sweep repairs.
    fn publish(&self, messages: &[Arc<Message>]);

    /// Wants hints about `room`, until [`unsubscribe`](Self::unsubscribe).
    ///
    /// Until a [`Hint::Gap`] for the room comes, hints about it may be missing; one comes each time that the
    /// subscription has taken effect, also anew after an outage. Where it takes effect before this returns and
    /// is never lost, as within one process, none is due.
    fn subscribe(&self, room: &RoomName);

    /// Wants no more hints about `room`.
    fn unsubscribe(&self, room: &RoomName);

    /// Whether other nodes can be reached, as far as is known.
    fn is_up(&self) -> bool;
}

/// Where a bus puts what it hears. Bounded: where it is full, messages and heads are dropped, which the sweep
/// brings; a [`Hint::Gap`] waits for room.
pub type Hints = mpsc::Sender<Hint>;

/// What a bus says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// These messages of one room are in the log, in ascending order.
    Messages(Vec<Arc<Message>>),
    /// The room has grown to this place; the messages did not fit.
    Head(RoomName, Seq),
    /// Hints about this room may have been lost until now: compare with the log.
    Gap(RoomName),
}

/// Where nodes leave word of the people that are with them: a hint, which may be late, lost or forgotten.
///
/// What a node leaves there goes with its lease. Only tasks that nobody waits for ask it.
/// Implementations pass the checks in `tests/nodes/presence_store.rs`.
#[async_trait]
pub trait PresenceStore: Send + Sync {
    /// Takes this node's lease, for so long from now on. `false`: there was none (any more), so that
    /// the store has nothing of this node's people.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] if the store cannot be asked now.
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError>;

    /// The other nodes whose lease holds.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] if the store cannot be asked now.
    async fn nodes(&self) -> Result<Vec<(NodeRun, NodeStatus)>, PresenceError>;

    /// Replaces what this node says of these rooms, and whispers it to the other nodes.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] if the store cannot be asked now; some may be replaced.
    async fn tell(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError>;

    /// What the other nodes whose lease holds say of these rooms, in the order of the rooms.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] if the store cannot be asked now.
    async fn ask(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeRun, Roster)>>, PresenceError>;

    /// Gives the lease up, and with it all that this node said.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] if the store cannot be asked now: the lease ends by itself.
    async fn withdraw(&self) -> Result<(), PresenceError>;

    /// Whispers to the other nodes that someone is typing. It never waits, and may drop.
    fn type_in(&self, room: &RoomName, author: &Author);
}

/// The store of presence cannot be asked now.
#[derive(Debug, thiserror::Error)]
#[error("the other nodes' people cannot be asked for")]
pub struct PresenceError(#[source] pub anyhow::Error);

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its name.
    pub id: NodeId,
    /// Its connected sockets.
    pub sessions: u64,
    /// When it began.
    pub since: UnixMs,
}

/// Where a store of presence puts what other nodes whisper. Bounded: a full channel drops.
pub type Whispers = mpsc::Sender<Whisper>;

/// What one node tells the others of a room, in passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whisper {
    /// Who says so.
    pub run: NodeRun,
    /// The room.
    pub room: RoomName,
    /// What it says.
    pub said: Said,
}

/// What is whispered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// These of its people are in the room now.
    Roster(Roster),
    /// One of them is typing.
    Typing(Author),
}

/// The time, passed in so that tests and simulations can set it.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> UnixMs;
}
