//! The verbs: join, leave, post, history, rooms.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    ear::Ear,
    hub::{Hub, Membership},
    ports::{AppendError, Appended, Clock, Extent, Found, ListedRoom, MessageLog, ReadError, Receipt},
    post::{Post, PostError},
    search::SearchQuery,
    sender::Sender,
    session::Session,
    stats::Stats,
    types::{Author, Draft, Epoch, Message, NodeId, RoomName, Seq, UserId},
};

/// The newest amendments that come with a page of history; of more, the oldest are not told.
const AMENDMENTS_MAX: usize = 1_000;

/// What clients can do, on whichever edge they come in.
pub struct ChatService {
    log: Arc<dyn MessageLog>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    stats: Arc<Stats>,
    rules: Rules,
}

/// The limits that the service keeps.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Rooms that one session is in at one time.
    pub rooms_per_session: usize,
    /// Posts a second of one session; 0 has no limit.
    pub messages_per_second: u32,
}

/// Where a session wants to begin in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With so many of the newest messages.
    Newest(u64),
    /// After the last one it has.
    After {
        /// The log that the place is in; `None` if the client cannot say.
        epoch: Option<Epoch>,
        /// The last place it has.
        seq: Seq,
        /// So many of the newest if that place means nothing here.
        or_newest: u64,
    },
}

/// Where a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The newest place when it joined.
    pub head: Seq,
    /// It gets all that follows the place it named. Always true for one that named none.
    pub recovered: bool,
}

/// Why a session did not join a room.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The session is in as many rooms as it may be.
    #[error("a session is in at most {0} rooms")]
    TooManyRooms(usize),
    /// The log cannot be read now.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A page that was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Ascending.
    pub messages: Vec<Arc<Message>>,
    /// There are earlier ones.
    pub more: bool,
    /// What became of them after the page's end, ascending: edits, deletions, reactions.
    pub amendments: Vec<Arc<Message>>,
}

impl ChatService {
    /// The service of one node.
    #[must_use]
    pub fn new(
        log: Arc<dyn MessageLog>,
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        node: NodeId,
        stats: Arc<Stats>,
        rules: Rules,
    ) -> Arc<Self> {
        Arc::new(Self { log, hub, clock, node, stats, rules })
    }

    /// The log itself, for whoever pumps sessions or asks how it is.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn MessageLog> {
        &self.log
    }

    /// This node's name.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// What the domain counts.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// The clock that messages are dated by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A session without rooms; it ends with `ended`, and the caller runs its pump.
    #[must_use]
    pub fn session(&self, ended: CancellationToken) -> Arc<Session> {
        Session::new(None, self.stats.clone(), ended)
    }

    /// The same of someone among the people of its rooms.
    #[must_use]
    pub fn session_of(&self, ear: Arc<Ear>, ended: CancellationToken) -> Arc<Session> {
        Session::new(Some(ear), self.stats.clone(), ended)
    }

    /// Enters a room. Nothing of it is emitted before [`Entered::follow`], so that the caller can answer first.
    ///
    /// A place is taken for what it is only if the log, asked now, is the
    /// one it is from and reaches as far; else the session starts with the newest, and
    /// is told that its recovery is incomplete.
    ///
    /// # Errors
    ///
    /// [`JoinError`]; the session is not in this room then, nor in one that it was in before.
    pub async fn join(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        start: Start,
    ) -> Result<Entered, JoinError> {
        let limit = self.rules.rooms_per_session;
        if limit <= session.rooms() && !session.is_in(room) {
            return Err(JoinError::TooManyRooms(limit));
        }
        session.leave(room);
        let (membership, extent) = self.hub.enter(room, session.wake()).await?;
        let (shown, recovered) = begin(start, extent, self.log.epoch());
        if let Start::After { .. } = start {
            let count = if recovered { &self.stats.resumed } else { &self.stats.incomplete };
            count.add(1);
        }
        let joined = Joined { head: extent.head, recovered };
        Ok(Entered { session: session.clone(), membership, shown, joined })
    }

    /// Starts a sender: one socket's posts, in their order.
    ///
    /// `waits` also keeps the order across refusals: later posts are refused until the refused one
    /// returns. It is not for clients that may never send that one again.
    #[must_use]
    pub fn sender(self: &Arc<Self>, author: Author, waits: bool) -> Sender {
        Sender::new(self.clone(), author, waits, self.rules.messages_per_second)
    }

    /// Stores one message that is part of no socket's order.
    ///
    /// # Errors
    ///
    /// [`PostError`] says whether the same post may succeed later.
    pub async fn post(&self, author: &Author, post: Post) -> Result<Receipt, PostError> {
        self.check(&author.id, &post).await?;
        let outcomes = self.append(vec![self.draft(author, post)]).await?;
        outcomes.into_iter().next().expect("a log answers for each draft")
    }

    /// Whether the log has what a post is about, and lets its author amend it. Ordinary messages ask the log nothing.
    ///
    /// What a post is about may have been pruned since an earlier try of it was stored, whose ack was lost: where
    /// the log knows its nonce, it may go on, to be told its place.
    pub(super) async fn check(&self, author: &UserId, post: &Post) -> Result<(), PostError> {
        let Some(of) = post.saying.of() else { return Ok(()) };
        let unchecked = |error: ReadError| {
            tracing::warn!(error = &error as &dyn std::error::Error, "an amendment could not be checked");
            PostError::Unavailable
        };
        let there = self.log.read(&post.room, Seq(of.0 - 1), 1).await.map_err(unchecked)?;
        let verdict = post.saying.check(author, there.first().map(Arc::as_ref));
        match (&verdict, &post.nonce) {
            (Err(PostError::NoSuchMessage), Some(nonce))
                if self.log.knows(&post.room, author, nonce).await.map_err(unchecked)? =>
            {
                Ok(())
            }
            _ => verdict,
        }
    }

    /// Reads up to `limit` messages before `before`, and what became of them later.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    pub async fn history(&self, room: &RoomName, before: Seq, limit: usize) -> Result<History, ReadError> {
        let messages = self.log.read_before(room, before, limit).await?;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return Ok(History::default());
        };
        let (first, last) = (first.seq, last.seq);
        let more = self.log.extent(room).await?.pruned.next() < first;
        let amendments = self.log.amendments(room, first, last, AMENDMENTS_MAX).await?;
        Ok(History { messages, more, amendments })
    }

    /// Finds up to `limit` ordinary messages before `before`, newest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    pub async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<Found, ReadError> {
        self.log.search(room, query, before, limit).await
    }

    /// Reads up to `limit` messages after `after`, ascending, and whether there are more after them.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    pub async fn following(
        &self,
        room: &RoomName,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Arc<Message>>, bool), ReadError> {
        let messages = self.log.read(room, after, limit).await?;
        let head = self.log.extent(room).await?.head;
        let more = messages.last().is_some_and(|last| last.seq < head);
        Ok((messages, more))
    }

    /// Up to `limit` rooms after the one named `after`, by name.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the log cannot be read now.
    pub async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        self.log.rooms(after, limit).await
    }

    pub(super) fn draft(&self, author: &Author, post: Post) -> Draft {
        let Post { room, nonce, saying, trace } = post;
        let (kind, of, text) = saying.into_parts();
        let (author, node, at) = (author.clone(), self.node.clone(), self.clock.now());
        Draft { room, kind, of, author, nonce, text, at, node, trace }
    }

    /// Stores a run and says what became of each draft; a failure of the log is that of the whole run.
    pub(super) async fn append(
        &self,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Result<Receipt, PostError>>, PostError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = self.log.append(drafts).await.map_err(|error| {
            if !matches!(error, AppendError::Busy) {
                tracing::warn!(error = &error as &dyn std::error::Error, "messages were not stored");
            }
            PostError::from(&error)
        })?;
        let settle = |outcome| match outcome {
            Appended::Stored(receipt) => {
                self.stats.accepted.add(1);
                Ok(receipt)
            }
            Appended::Known(receipt) => {
                self.stats.known.add(1);
                Ok(receipt)
            }
            Appended::Conflict => Err(PostError::NonceConflict),
        };
        Ok(outcomes.into_iter().map(settle).collect())
    }
}

/// Where a session begins in a room of this extent, and whether it gets all it missed.
fn begin(start: Start, extent: Extent, epoch: Epoch) -> (Seq, bool) {
    let newest = |count: u64| Seq(extent.head.0.saturating_sub(count)).max(extent.pruned);
    match start {
        Start::Newest(count) => (newest(count), true),
        Start::After { epoch: of, seq, or_newest } => {
            let another_log = of.is_some_and(|of| of != epoch) || extent.head < seq;
            if another_log {
                (newest(or_newest), false)
            } else {
                (seq.max(extent.pruned), extent.pruned <= seq)
            }
        }
    }
}

/// A session that has entered a room and does not follow it yet; dropped, it has left again.
pub struct Entered {
    session: Arc<Session>,
    membership: Membership,
    shown: Seq,
    joined: Joined,
}

impl Entered {
    /// The room.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        self.membership.room().name()
    }

    /// What the client is told.
    #[must_use]
    pub fn joined(&self) -> Joined {
        self.joined
    }

    /// Starts the cursor.
    pub fn follow(self) {
        let name = self.name().clone();
        self.session.follow(self.membership, self.shown);
        // A session that ended meanwhile has left its rooms already: this one, too.
        if self.session.ended().is_cancelled() {
            self.session.leave(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_only_in_the_log_it_is_from_and_as_far_as_that_reaches() {
        let (here, elsewhere) = (Epoch::from_random(1), Epoch::from_random(2));
        let extent = Extent { pruned: Seq(10), head: Seq(100) };
        let after = |epoch, seq| Start::After { epoch, seq: Seq(seq), or_newest: 5 };
        let cases = [
            (Start::Newest(5), 95, true),
            (Start::Newest(1_000), 10, true),
            (after(Some(here), 60), 60, true),
            (after(None, 60), 60, true),
            (after(Some(here), 100), 100, true),
            (after(Some(here), 10), 10, true),
            (after(Some(here), 9), 10, false),
            (after(Some(here), 101), 95, false),
            (after(None, u64::MAX), 95, false),
            (after(Some(elsewhere), 60), 95, false),
        ];
        for (start, shown, recovered) in cases {
            assert_eq!(begin(start, extent, here), (Seq(shown), recovered), "{start:?}");
        }
    }
}
