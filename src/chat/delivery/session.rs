//! One socket's session: a cursor in each of its rooms, moved by what the socket takes.
//!
//! Join, history, recovery, a repaired hole and a slow reader are the same case here: a cursor that is behind its room's
//! head. One task a session, the pump, reads what follows each cursor, offers it to the [`MessageSink`], and moves the
//! cursor by what was taken, never by more.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{
        fanout::{
            cursor::{Cursor, Pace},
            hub::Membership,
            room::Room,
        },
        model::{Author, Message, RoomName, Seq},
        ports::{DeliveryObserver, DeliveryPath, MessageLog},
        presence::participant::{Participant, PresenceGuard},
        retry::RetryDelay,
        stats::Stats,
    },
    sync::lock,
};

/// A socket, as the pump sees it.
#[async_trait]
pub trait MessageSink: Send + Sync {
    /// How many messages [`deliver`](Self::deliver) would take now; 0 if the socket must drain first.
    fn capacity(&self, pace: Pace) -> usize;

    /// Emits a prefix of `messages` and returns its length. If it is not all of them, the socket is full, and the rest
    /// is offered again.
    fn deliver(&self, room: &RoomName, messages: &[Arc<Message>], pace: Pace) -> usize;

    /// Tells the client that messages after `after` and up to `upto` are gone. Returns whether the socket took that.
    fn history_truncated(&self, room: &RoomName, after: Seq, upto: Seq) -> bool;

    /// Completes when the capacity may have grown.
    async fn drained(&self);

    /// Cuts the connection, so that the client comes back and resumes.
    fn cut(&self);
}

/// The number of different patiences among sessions.
pub(super) const PATIENCES: u32 = 64;

/// One socket's rooms, and its cursor in each.
pub struct Session {
    /// Below [`PATIENCES`].
    number: u32,
    wake: Arc<Notify>,
    /// Bounded by `limits.rooms_per_session`, which the service enforces.
    cursors: Mutex<Vec<Arc<RoomCursor>>>,
    /// Set if it takes part in presence.
    participant: Option<Participant>,
    observer: Arc<dyn DeliveryObserver>,
    stats: Arc<Stats>,
    ended: CancellationToken,
}

/// A session's cursor in one room.
struct RoomCursor {
    membership: Membership,
    /// `None` once the session has left the room: nothing more is emitted.
    cursor: Mutex<Option<Cursor>>,
    presence: Mutex<Option<PresenceGuard>>,
    /// The room's head when the session joined: later messages are new to it.
    joined: Seq,
    stats: Arc<Stats>,
}

/// The outcome of one attempt to move a cursor.
#[derive(PartialEq, Eq)]
enum Step {
    /// It is at the head.
    AtHead,
    /// It moved.
    Moved,
    /// The socket takes nothing now.
    Blocked,
    /// The log cannot be read now.
    Unread,
}

impl Session {
    /// A session without rooms, which ends with `ended`. Sessions with different `number`s have different patiences.
    #[must_use]
    pub(in crate::chat) fn new(
        number: u32,
        participant: Option<Participant>,
        observer: Arc<dyn DeliveryObserver>,
        stats: Arc<Stats>,
        ended: CancellationToken,
    ) -> Arc<Self> {
        stats.sessions.add(1);
        let number = number % PATIENCES;
        let (wake, cursors) = (Arc::default(), Mutex::default());
        Arc::new(Self { number, wake, cursors, participant, observer, stats, ended })
    }

    /// How long it waits before it is cut: `stall_timeout`, and up to a quarter more, depending on its number. If all
    /// had the same patience, an outage of the log would bring all of them back at the same moment.
    #[must_use]
    pub fn patience(&self, stall_timeout: Duration) -> Duration {
        stall_timeout + stall_timeout / 4 * self.number / PATIENCES
    }

    /// Notified when one of its rooms grows.
    pub(in crate::chat) fn wake(&self) -> &Arc<Notify> {
        &self.wake
    }

    /// Cancelled when it has ended.
    #[must_use]
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// How many rooms it is in.
    #[must_use]
    pub fn rooms(&self) -> usize {
        lock(&self.cursors).len()
    }

    /// Whether it is in `room`.
    #[must_use]
    pub fn is_in(&self, room: &RoomName) -> bool {
        lock(&self.cursors).iter().any(|cursor| cursor.room().name() == room)
    }

    /// Changes its user's name or colour in all its rooms; the user id stays.
    pub fn rename(&self, author: Author) {
        let Some(participant) = &self.participant else { return };
        let rooms: Vec<_> = lock(&self.cursors).iter().map(|cursor| cursor.room().name().clone()).collect();
        participant.rename(author, &rooms);
    }

    /// Tells the other members of `room` that its user is typing, if it is in that room.
    pub fn publish_typing(&self, room: &RoomName) {
        if let Some(participant) = self.participant.as_ref().filter(|_| self.is_in(room)) {
            participant.publish_typing(room);
        }
    }

    /// Starts to follow a room that it has entered, with the messages after `shown`.
    pub(in crate::chat) fn follow(&self, membership: Membership, shown: Seq) {
        let joined = membership.room().head();
        self.stats.cursors.add(1);
        self.stats.catching_up.add(1);
        let guard = self.participant.as_ref().map(|participant| participant.enter(membership.room().name()));
        let cursor = RoomCursor {
            membership,
            cursor: Mutex::new(Some(Cursor::after(shown))),
            presence: Mutex::new(guard),
            joined,
            stats: self.stats.clone(),
        };
        lock(&self.cursors).push(Arc::new(cursor));
        self.wake.notify_one();
    }

    /// Leaves a room; once this returns, nothing more of it is emitted.
    pub fn leave(&self, room: &RoomName) {
        let left = {
            let mut cursors = lock(&self.cursors);
            let index = cursors.iter().position(|cursor| cursor.room().name() == room);
            index.map(|index| cursors.swap_remove(index))
        };
        if let Some(cursor) = left {
            cursor.end();
        }
    }

    fn leave_all(&self) {
        let cursors = std::mem::take(&mut *lock(&self.cursors));
        cursors.iter().for_each(|cursor| cursor.end());
    }

    /// Moves the cursors until the session ends, and then leaves all rooms.
    ///
    /// A session that has messages for its socket and cannot move for its [`patience`](Self::patience) is cut: its
    /// client comes back and resumes.
    pub async fn pump(&self, log: &dyn MessageLog, sink: &dyn MessageSink, stall_timeout: Duration) {
        let run = pin!(self.move_cursors(log, sink, stall_timeout));
        // It stays where it is pinned: passed by value, it would take its size twice.
        tokio::select! {
            biased;
            () = run => {}
            () = self.ended.cancelled() => {}
        }
        self.ended.cancel();
        self.leave_all();
    }

    /// Completes when the session was cut.
    async fn move_cursors(&self, log: &dyn MessageLog, sink: &dyn MessageSink, stall_timeout: Duration) {
        let mut moved_at = Instant::now();
        let mut retry = RetryDelay::FIRST;
        loop {
            let (mut moved, mut blocked, mut unread) = (false, false, false);
            // Not held while waiting: a room that was left is freed with its last holder.
            let cursors = lock(&self.cursors).clone();
            for cursor in cursors {
                match cursor.step(log, sink, &*self.observer).await {
                    Step::AtHead => {}
                    Step::Moved => moved = true,
                    Step::Blocked => blocked = true,
                    Step::Unread => unread = true,
                }
            }
            if moved {
                moved_at = Instant::now();
                retry = RetryDelay::FIRST;
                continue;
            }
            if !blocked && !unread {
                self.wake.notified().await;
                moved_at = Instant::now();
                continue;
            }
            let deadline = moved_at + self.patience(stall_timeout);
            // Boxed, so that a session that does not wait has no memory for it.
            let wait = Box::pin(async {
                // The deadline first: a room that keeps waking the session does not postpone it.
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(deadline) => return false,
                    () = sink.drained(), if blocked => {}
                    () = tokio::time::sleep(retry.pause()), if unread => retry = retry.next(),
                    () = self.wake.notified() => {}
                }
                true
            });
            if !wait.await {
                return sink.cut();
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stats.sessions.add(-1);
    }
}

impl RoomCursor {
    fn room(&self) -> &Room {
        self.membership.room()
    }

    async fn step(
        &self,
        log: &dyn MessageLog,
        sink: &dyn MessageSink,
        observer: &dyn DeliveryObserver,
    ) -> Step {
        let head = self.room().head();
        let behind =
            self.with_cursor(|cursor| cursor.is_behind(head).then(|| (cursor.shown(), cursor.pace())));
        let Some((shown, pace)) = behind.flatten() else { return Step::AtHead };
        let capacity = sink.capacity(pace);
        if capacity == 0 {
            self.with_cursor(|cursor| cursor.took(&[]));
            return Step::Blocked;
        }
        if let Some(messages) = self.room().tail_after(shown, capacity) {
            return self.emit(sink, observer, &messages, false);
        }
        match log.read(self.room().name(), shown, capacity).await {
            Ok(messages) => self.emit(sink, observer, &messages, true),
            Err(_) => Step::Unread,
        }
    }

    /// Offers messages that follow the cursor and moves it by what was taken.
    fn emit(
        &self,
        sink: &dyn MessageSink,
        observer: &dyn DeliveryObserver,
        messages: &[Arc<Message>],
        from_log: bool,
    ) -> Step {
        let name = self.room().name();
        // The room's head came from the log: what the log does not hold below it was pruned meanwhile.
        let first = messages.first().map_or_else(|| self.room().head().next(), |first| first.seq);
        let emitted = self.with_cursor(|cursor| {
            let shown = cursor.shown();
            if let Some(upto) = cursor.truncated_before(first) {
                // Never silently: the cursor waits until the client can be told.
                if !sink.history_truncated(name, shown, upto) {
                    return (cursor.pace(), 0);
                }
                cursor.skip_to(upto);
            }
            if messages.is_empty() {
                return (cursor.pace(), 0);
            }
            let pace = cursor.pace();
            let taken = &messages[..sink.deliver(name, messages, pace)];
            cursor.took(taken);
            (pace, taken.len())
        });
        match emitted {
            None => Step::AtHead,
            Some((_, 0)) => Step::Blocked,
            Some((pace, taken)) => {
                observer.emitted(&messages[..taken], delivery_path(pace, from_log), self.joined);
                Step::Moved
            }
        }
    }

    /// Does something with the cursor, unless the session has left the room. Holding the lock meanwhile puts every emit
    /// before the end of a leave.
    fn with_cursor<T>(&self, act: impl FnOnce(&mut Cursor) -> T) -> Option<T> {
        let mut cursor = lock(&self.cursor);
        let cursor = cursor.as_mut()?;
        let before = cursor.pace();
        let result = act(cursor);
        match (before, cursor.pace()) {
            (Pace::CatchUp, Pace::Live) => self.stats.catching_up.add(-1),
            (Pace::Live, Pace::CatchUp) => self.stats.catching_up.add(1),
            _ => {}
        }
        Some(result)
    }

    /// Ends the cursor: nothing more is emitted once this returns.
    fn end(&self) {
        lock(&self.presence).take();
        if let Some(cursor) = lock(&self.cursor).take() {
            self.stats.cursors.add(-1);
            self.stats.catching_up.add(if cursor.pace() == Pace::CatchUp { -1 } else { 0 });
        }
    }
}

fn delivery_path(pace: Pace, from_log: bool) -> DeliveryPath {
    match (pace, from_log) {
        (_, true) => DeliveryPath::Log,
        (Pace::CatchUp, false) => DeliveryPath::Tail,
        (Pace::Live, false) => DeliveryPath::Live,
    }
}
