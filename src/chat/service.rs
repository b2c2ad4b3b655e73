//! The domain's verbs: join, leave, post, history, search, rooms.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio_util::sync::CancellationToken;

use crate::chat::{
    delivery::session::Session,
    fanout::hub::{Hub, Membership},
    model::{Author, Epoch, Message, NodeId, RoomName, SearchQuery, Seq},
    ports::{Clock, Extent, ListedRoom, MessageLog, ReadError, Receipt, SearchResult},
    presence::participant::Participant,
    publish::{
        appender::Appender,
        ordered_sender::OrderedSender,
        post::{Post, PostError},
        sender::Sender,
    },
    stats::Stats,
};

/// The most amendments that come with a page of history: the newest; earlier ones are left out.
const AMENDMENTS_MAX: usize = 1_000;

/// What clients can do, whichever way they connect.
pub struct ChatService {
    appender: Arc<Appender>,
    hub: Arc<Hub>,
    stats: Arc<Stats>,
    limits: ServiceLimits,
    /// Sessions opened so far; gives each its number.
    opened: AtomicU32,
}

/// What one session may do.
#[derive(Clone, Copy, Debug)]
pub struct ServiceLimits {
    /// Rooms at one time.
    pub rooms_per_session: usize,
    /// Posts per second; 0 means no limit.
    pub messages_per_second: u32,
}

/// Where a session wants to begin in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With this many of the newest messages.
    Newest(u64),
    /// After the last message that its client has.
    After {
        /// The log that `seq` belongs to; `None` if the client cannot tell.
        epoch: Option<Epoch>,
        /// The last message that the client has.
        seq: Seq,
        /// How many of the newest messages to send if that position is of no use here.
        or_newest: u64,
    },
}

/// The result of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The room's head when the session joined.
    pub head: Seq,
    /// The session gets everything after the position that it named. Always true if it named none.
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

/// A page of history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Ascending.
    pub messages: Vec<Arc<Message>>,
    /// There are earlier ones.
    pub more: bool,
    /// Amendments of these messages that come after the page, ascending.
    pub amendments: Vec<Arc<Message>>,
}

impl ChatService {
    /// The service of one node.
    #[must_use]
    pub fn new(appender: Appender, hub: Arc<Hub>, stats: Arc<Stats>, limits: ServiceLimits) -> Arc<Self> {
        Arc::new(Self { appender: Arc::new(appender), hub, stats, limits, opened: AtomicU32::new(0) })
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn MessageLog> {
        self.appender.log()
    }

    /// This node's name.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        self.appender.node()
    }

    /// The domain's counters.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// The clock that dates messages.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.appender.clock()
    }

    /// Opens a session without rooms. It ends with `ended`; the caller runs its pump.
    #[must_use]
    pub fn session(&self, participant: Option<Participant>, ended: CancellationToken) -> Arc<Session> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        Session::new(number, participant, self.hub.observer().clone(), self.stats.clone(), ended)
    }

    /// Enters a room. Nothing of it is emitted before [`Entered::follow`], so that the caller can respond first.
    ///
    /// A position counts only if the log, asked now, is the one that it belongs to and reaches that far. Otherwise the
    /// session starts with the newest messages and is told that its recovery is incomplete.
    ///
    /// # Errors
    ///
    /// [`JoinError`]; the session is then not in this room, even if it was before.
    pub async fn join(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        start: Start,
    ) -> Result<Entered, JoinError> {
        let limit = self.limits.rooms_per_session;
        if limit <= session.rooms() && !session.is_in(room) {
            return Err(JoinError::TooManyRooms(limit));
        }
        session.leave(room);
        let (membership, extent) = self.hub.enter(room, session.wake()).await?;
        let (shown, recovered) = begin(start, extent, self.log().epoch());
        if let Start::After { .. } = start {
            let count = if recovered { &self.stats.resumed } else { &self.stats.incomplete };
            count.add(1);
        }
        let joined = Joined { head: extent.head, recovered };
        Ok(Entered { session: session.clone(), membership, shown, joined })
    }

    /// A sender for a socket whose client may never repeat a refused post.
    #[must_use]
    pub fn sender(&self, author: Author) -> Sender {
        Sender::new(self.appender.clone(), author, self.limits.messages_per_second)
    }

    /// A sender for a socket whose client repeats refused posts: later ones wait for them.
    #[must_use]
    pub fn ordered_sender(&self, author: Author) -> OrderedSender {
        OrderedSender::new(self.sender(author))
    }

    /// Stores one message that is part of no socket's order.
    ///
    /// # Errors
    ///
    /// [`PostError`] says whether the same post may succeed later.
    pub async fn post(&self, author: &Author, post: Post) -> Result<Receipt, PostError> {
        self.appender.post(author, post).await
    }

    /// Reads up to `limit` messages before `before`, and their later amendments.
    pub async fn history(&self, room: &RoomName, before: Seq, limit: usize) -> Result<History, ReadError> {
        let messages = self.log().read_before(room, before, limit).await?;
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return Ok(History::default());
        };
        let (first, last) = (first.seq, last.seq);
        let more = self.log().extent(room).await?.pruned.next() < first;
        let amendments = self.log().amendments(room, first, last, AMENDMENTS_MAX).await?;
        Ok(History { messages, more, amendments })
    }

    /// Finds up to `limit` ordinary messages before `before`, newest first.
    pub async fn search(
        &self,
        room: &RoomName,
        query: &SearchQuery,
        before: Seq,
        limit: usize,
    ) -> Result<SearchResult, ReadError> {
        self.log().search(room, query, before, limit).await
    }

    /// Reads up to `limit` messages after `after`, ascending, and whether more follow.
    pub async fn following(
        &self,
        room: &RoomName,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Arc<Message>>, bool), ReadError> {
        let messages = self.log().read(room, after, limit).await?;
        let head = self.log().extent(room).await?.head;
        let more = messages.last().is_some_and(|last| last.seq < head);
        Ok((messages, more))
    }

    /// Lists up to `limit` rooms after the one named `after`, by name.
    pub async fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<ListedRoom>, ReadError> {
        self.log().rooms(after, limit).await
    }
}

/// Where a session begins in a room of this extent, and whether it gets everything that it missed.
fn begin(start: Start, extent: Extent, epoch: Epoch) -> (Seq, bool) {
    let newest = |count: u64| extent.head.back(count).max(extent.pruned);
    match start {
        Start::Newest(count) => (newest(count), true),
        Start::After { epoch: claimed, seq, or_newest } => {
            let is_of_another_log = claimed.is_some_and(|claimed| claimed != epoch) || extent.head < seq;
            if is_of_another_log {
                (newest(or_newest), false)
            } else {
                (seq.max(extent.pruned), extent.pruned <= seq)
            }
        }
    }
}

/// A session that has entered a room and does not follow it yet. Dropped, it has left again.
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

    /// The response for the client.
    #[must_use]
    pub fn joined(&self) -> Joined {
        self.joined
    }

    /// Starts the cursor.
    pub fn follow(self) {
        let name = self.name().clone();
        self.session.follow(self.membership, self.shown);
        // A session that ended meanwhile has already left its rooms, and must leave this one, too.
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
