//! The durable, ordered history of every room.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::chat::model::{
    Draft, Epoch, LogPosition, Message, Nonce, RoomName, SearchQuery, Seq, UnixMs, UserId,
};

/// The messages of one commit, in the order of the log. A log sends them after the commit and never waits: a
/// full channel loses them, and the sweep finds them later.
pub type Commits = mpsc::Sender<Vec<Arc<Message>>>;

/// The durable, ordered history of every room.
///
/// The log is the truth. A message exists once [`append`](Self::append) has
/// returned it, and its `seq` is the only order that clients see.
///
/// A read fails with [`ReadError`] if the log cannot be read now. Implementations pass the checks in `store::contract`.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// The log's identity, the same on every node that shares it.
    fn epoch(&self) -> Epoch;

    /// A secret that all nodes of this log share, made with the log. Each use derives a key of its own from it.
    fn key(&self) -> &[u8; 32];

    /// Stores a batch of one sender's drafts in their order and gives each the next seq of its room.
    ///
    /// A batch is stored as a whole or not at all, so that a failure never lets a later draft overtake an earlier
    /// one. A nonce makes a retry safe: a draft with the room, author id and nonce of an earlier one (in this
    /// batch, too) stores nothing and is [`Appended::Known`]; with another text, kind or target it is
    /// [`Appended::Conflict`]. Nonces are remembered for `log.nonce_ttl`, also after their message was pruned.
    ///
    /// Completes once the messages would survive a loss of power. Calls for one room take effect one after the
    /// other, on every node. What was stored is also sent to the log's [`Commits`], whether or not the caller
    /// still waits.
    ///
    /// # Errors
    ///
    /// [`AppendError`] says whether anything can have been stored.
    async fn append(&self, batch: Vec<Draft>) -> Result<Vec<Appended>, AppendError>;

    /// Whether this nonce is already recorded. In-flight appends may be missed.
    async fn contains_nonce(
        &self,
        room: &RoomName,
        author: &UserId,
        nonce: &Nonce,
    ) -> Result<bool, ReadError>;

    /// Reads up to `limit` messages after `after`, ascending and without holes; the first may lie further on where
    /// history was pruned. It may return fewer to bound the bytes, but returns none only at the end.
    async fn read(&self, room: &RoomName, after: Seq, limit: usize) -> Result<Vec<Arc<Message>>, ReadError>;

    /// Reads the newest `limit` messages before `before`, ascending. Like [`read`](Self::read) it bounds the bytes,
    /// keeping the newest.
    async fn read_before(
        &self,
        room: &RoomName,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError>;

    /// Reads the newest `limit` messages after `last` whose target is from `first` to `last`, ascending. Bytes are
    /// bounded, too: the oldest may be missing.
    async fn amendments(
        &self,
        room: &RoomName,
        first: Seq,
        last: Seq,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, ReadError>;

    /// Finds up to `limit` ordinary messages before `before` that match, newest first, with their current text: the
    /// newest edit; deleted ones are not found. Bytes are bounded as in [`read`](Self::read). An index may lag, so
    /// that some recent messages are found only later.
    ///
    /// It may be costly: a log may let a node's searches take turns and bound how long each waits and runs. A search
    /// that runs out of time returns what it has found, with [`SearchResult::more`] set.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now, its turn did not come, or nothing was found in time: the
    /// caller may try again later or search for more words.
    async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<SearchResult, ReadError>;

    /// The seqs that the log holds of a room; an unknown room is empty.
    async fn extent(&self, room: &RoomName) -> Result<Extent, ReadError>;

    /// Up to `limit` rooms after the one named `after`, by name.
    async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError>;

    /// The newest position in the whole log: where a starting node begins to call
    /// [`changes_since`](Self::changes_since).
    async fn position(&self) -> Result<LogPosition, ReadError>;

    /// The rooms that have grown since a position: the cheap query that bounds how late a lost hint can be. One
    /// caller a node repeats it, each time with the position that it got last.
    async fn changes_since(&self, position: LogPosition) -> Result<Changes, ReadError>;

    /// Whether the log takes messages, judged by the latest attempts. It does no I/O and never waits.
    fn is_writable(&self) -> bool;

    /// Whether the log can be read, judged by the latest [`changes_since`](Self::changes_since). It does no I/O and
    /// never waits. Reads that wait for their turn do not count: that happens on every node alike.
    fn is_readable(&self) -> bool;

    /// The disk space in use, measured now; `None` for a log that is on no disk, or if the disk does not answer.
    fn space(&self) -> Option<Space> {
        None
    }

    /// Finishes the commits under way and takes no more: a later [`append`](Self::append) is refused as
    /// [`AppendError::Unavailable`]. The [`Commits`] channel ends after what was already sent.
    async fn close(&self);
}

/// The result of one search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchResult {
    /// Newest first.
    pub messages: Vec<Arc<Message>>,
    /// There are earlier ones, or time ran out before that was known.
    pub more: bool,
}

/// What happened to one draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It was stored.
    Stored(Receipt),
    /// An earlier call had stored it.
    Known(Receipt),
    /// Its nonce belongs to a message with another text, kind or target; nothing was stored.
    Conflict,
}

/// Where and when a message was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its number in the room.
    pub seq: Seq,
    /// When the storing node took it.
    pub at: UnixMs,
}

/// Why a batch of drafts was not, or not surely, stored.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was stored: more is waiting than the log takes. Wait and try again.
    #[error("the message log is busy")]
    Busy,
    /// Nothing was stored: the log cannot be written now. Wait and try again.
    #[error("the message log cannot be written")]
    Unavailable(#[source] anyhow::Error),
    /// It is not known whether it was stored: only a retry with the same nonce settles it.
    #[error("the message log failed during a commit")]
    Unknown(#[source] anyhow::Error),
}

/// The log cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("the message log cannot be read")]
pub struct ReadError(#[source] pub anyhow::Error);

/// The seqs that the log holds of a room: all after `pruned`, up to `head`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The last seq that was pruned; [`Seq::ZERO`] if none was.
    pub pruned: Seq,
    /// The newest seq; [`Seq::ZERO`] in an empty room.
    pub head: Seq,
}

/// A room in a list of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoom {
    /// The room.
    pub room: RoomName,
    /// The seqs that the log holds.
    pub extent: Extent,
    /// Its newest ordinary message, unamended; `None` if there is none among the newest messages that the log
    /// examined. It may examine fewer where other rooms of the list were costly.
    pub last: Option<Arc<Message>>,
}

/// The disk space that a log uses, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The log's file.
    pub file_bytes: u64,
    /// The write-ahead log: committed, and not yet in the file.
    pub wal_bytes: u64,
    /// What this process may still write to the file system.
    pub disk_free_bytes: u64,
    /// The whole file system.
    pub disk_bytes: u64,
}

/// What has changed in a log since a position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// How far this answer goes: the newest position, or less where there is more than one answer holds.
    pub position: LogPosition,
    /// The rooms that have grown up to there, with their newest seq.
    pub heads: Vec<(RoomName, Seq)>,
}
