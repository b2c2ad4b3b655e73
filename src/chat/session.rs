//! One socket's session: a cursor in each of its rooms, moved by what the socket takes.
//!
//! Join, history, recovery, a repaired gap and a slow reader are one thing
//! here: a cursor that is behind its room's head. One task a session, the
//! pump, reads what follows each cursor, offers it to the [`Outlet`], and moves the
//! cursor by what was taken, never by more.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    cursor::{Cursor, Pace},
    ear::{Ear, Stay},
    hub::Membership,
    ports::MessageLog,
    retry::Retry,
    room::Room,
    stats::Stats,
    types::{Author, Message, RoomName, Seq},
    witness::Path,
};
use crate::sync::lock;

/// A socket, as the pump sees it.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// How many messages [`deliver`](Self::deliver) would take now; 0 if the socket must drain first.
    fn appetite(&self, pace: Pace) -> usize;

    /// Emits a prefix of `messages` and returns how many it took. Less than
    /// all means that the socket is full, and the rest is offered again.
    fn deliver(&self, room: &RoomName, messages: &[Arc<Message>], pace: Pace) -> usize;

    /// Says that messages after `after` and up to `upto` are no longer there; whether the socket took it.
    fn lost(&self, room: &RoomName, after: Seq, upto: Seq) -> bool;

    /// Completes when the appetite may have grown.
    async fn drained(&self);

    /// Cuts the connection so that the client comes back and resumes.
    fn cut(&self);
}

/// Sessions that come one after the other wait with so many different patiences.
const PATIENCES: u32 = 64;

/// One socket's rooms, and its place in each.
pub struct Session {
    /// Below [`PATIENCES`].
    number: u32,
    wake: Arc<Notify>,
    /// Bounded by `limits.rooms_per_session`, which the service keeps.
    follows: Mutex<Vec<Arc<Follow>>>,
    /// If it is someone among the people of its rooms.
    ear: Option<Arc<Ear>>,
    stats: Arc<Stats>,
    ended: CancellationToken,
}

/// A session's cursor in one room.
struct Follow {
    membership: Membership,
    /// `None` once the session left the room: nothing more is emitted.
    cursor: Mutex<Option<Cursor>>,
    /// It is one of the room's people, until it leaves.
    stay: Mutex<Option<Stay>>,
    /// The room's head when it joined: what comes after was said since.
    joined: Seq,
    stats: Arc<Stats>,
}

/// What one look at a cursor led to.
#[derive(PartialEq, Eq)]
enum Step {
    /// It is at the head.
    Level,
    /// It moved.
    Moved,
    /// The socket takes nothing now.
    Blocked,
    /// The log cannot be read now.
    Unread,
}

impl Session {
    /// A session without rooms, which ends with `ended`.
    #[must_use]
    pub fn new(ear: Option<Arc<Ear>>, stats: Arc<Stats>, ended: CancellationToken) -> Arc<Self> {
        stats.sessions.add(1);
        let number = u32::try_from(stats.sessions.get().rem_euclid(PATIENCES.into())).unwrap_or(0);
        Arc::new(Self { number, wake: Arc::default(), follows: Mutex::default(), ear, stats, ended })
    }

    /// How long it waits before it is cut: `stall_timeout`, and up to a quarter more by a number of its own.
    /// Else all whom one outage of the log stops would come back in one moment.
    #[must_use]
    pub fn patience(&self, stall_timeout: Duration) -> Duration {
        stall_timeout + stall_timeout / 4 * self.number / PATIENCES
    }

    /// What is woken when a room of it grows.
    pub(super) fn wake(&self) -> &Arc<Notify> {
        &self.wake
    }

    /// Whether it is over.
    #[must_use]
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// How many rooms it is in.
    #[must_use]
    pub fn rooms(&self) -> usize {
        lock(&self.follows).len()
    }

    /// Whether it is in `room`.
    #[must_use]
    pub fn is_in(&self, room: &RoomName) -> bool {
        lock(&self.follows).iter().any(|follow| follow.room().name() == room)
    }

    /// Is called something else from now on, in all its rooms.
    pub fn rename(&self, author: Author) {
        let Some(ear) = &self.ear else { return };
        let rooms: Vec<_> = lock(&self.follows).iter().map(|follow| follow.room().name().clone()).collect();
        ear.rename(author, &rooms);
    }

    /// Tells the others in `room` that this one is typing, if it is in there.
    pub fn type_in(&self, room: &RoomName) {
        if let Some(ear) = self.ear.as_ref().filter(|_| self.is_in(room)) {
            ear.type_in(room);
        }
    }

    /// Starts to follow a room that it has entered, from after `shown` on.
    pub(super) fn follow(&self, membership: Membership, shown: Seq) {
        let (cursor, joined) = (Mutex::new(Some(Cursor::after(shown))), membership.room().head());
        self.stats.cursors.add(1);
        self.stats.catching_up.add(1);
        let stay = Mutex::new(self.ear.as_ref().map(|ear| ear.enter(membership.room().name())));
        let stats = self.stats.clone();
        lock(&self.follows).push(Arc::new(Follow { membership, cursor, stay, joined, stats }));
        self.wake.notify_one();
    }

    /// Leaves a room; once this returns, nothing more of it is emitted.
    pub fn leave(&self, room: &RoomName) {
        let left = {
            let mut follows = lock(&self.follows);
            let place = follows.iter().position(|follow| follow.room().name() == room);
            place.map(|place| follows.swap_remove(place))
        };
        if let Some(follow) = left {
            follow.end();
        }
    }

    /// Leaves all rooms.
    fn leave_all(&self) {
        let follows = std::mem::take(&mut *lock(&self.follows));
        follows.iter().for_each(|follow| follow.end());
    }

    /// Moves the cursors until the session ends; it then leaves all rooms.
    ///
    /// If it has messages for the socket and cannot move for its [`patience`](Self::patience), it
    /// cuts the connection and ends: the client comes back and resumes.
    pub async fn pump(&self, log: &dyn MessageLog, outlet: &dyn Outlet, stall_timeout: Duration) {
        let run = pin!(async {
            let mut moved_at = Instant::now();
            let mut retry = Retry::FIRST;
            loop {
                let (mut moved, mut blocked, mut unread) = (false, false, false);
                // Kept no longer than they are looked at: a room that was left is forgotten with its last holder.
                let follows = lock(&self.follows).clone();
                for follow in follows {
                    match follow.step(log, outlet).await {
                        Step::Level => {}
                        Step::Moved => moved = true,
                        Step::Blocked => blocked = true,
                        Step::Unread => unread = true,
                    }
                }
                if moved {
                    (moved_at, retry) = (Instant::now(), Retry::FIRST);
                    continue;
                }
                if !blocked && !unread {
                    self.wake.notified().await;
                    moved_at = Instant::now();
                    continue;
                }
                let deadline = moved_at + self.patience(stall_timeout);
                // It has its own memory, which a session that waits for nothing gives back.
                let waits = Box::pin(async {
                    // The deadline first: a room that wakes the session on and on does not put it off.
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep_until(deadline) => return false,
                        () = outlet.drained(), if blocked => {}
                        () = tokio::time::sleep(retry.pause()), if unread => retry = retry.next(),
                        () = self.wake.notified() => {}
                    }
                    true
                });
                if !waits.await {
                    return outlet.cut();
                }
            }
        });
        // It stays where it is pinned: handed over, it would take its place twice.
        tokio::select! {
            biased;
            () = run => {}
            () = self.ended.cancelled() => {}
        }
        self.ended.cancel();
        self.leave_all();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stats.sessions.add(-1);
    }
}

impl Follow {
    fn room(&self) -> &Room {
        self.membership.room()
    }

    async fn step(&self, log: &dyn MessageLog, outlet: &dyn Outlet) -> Step {
        let head = self.room().head();
        let place =
            self.with_cursor(|cursor| cursor.is_behind(head).then(|| (cursor.shown(), cursor.pace())));
        let Some((shown, pace)) = place.flatten() else { return Step::Level };
        let appetite = outlet.appetite(pace);
        if appetite == 0 {
            self.with_cursor(|cursor| cursor.took(&[]));
            return Step::Blocked;
        }
        if let Some(messages) = self.room().tail_after(shown, appetite) {
            return self.emit(outlet, &messages, false);
        }
        match log.read(self.room().name(), shown, appetite).await {
            Ok(messages) => self.emit(outlet, &messages, true),
            Err(_) => Step::Unread,
        }
    }

    /// Offers messages that follow the cursor and moves it by what was taken.
    fn emit(&self, outlet: &dyn Outlet, messages: &[Arc<Message>], from_log: bool) -> Step {
        let name = self.room().name();
        // The room's head came from the log: what the log no longer holds below it was pruned meanwhile.
        let first = messages.first().map_or_else(|| self.room().head().next(), |first| first.seq);
        let emitted = self.with_cursor(|cursor| {
            let shown = cursor.shown();
            if let Some(upto) = cursor.lost_before(first) {
                // Never silently: the cursor waits until the client can be told.
                if !outlet.lost(name, shown, upto) {
                    return (cursor.pace(), 0);
                }
                cursor.skip_to(upto);
            }
            if messages.is_empty() {
                return (cursor.pace(), 0);
            }
            let pace = cursor.pace();
            let taken = &messages[..outlet.deliver(name, messages, pace)];
            cursor.took(taken);
            (pace, taken.len())
        });
        match emitted {
            None => Step::Level,
            Some((_, 0)) => Step::Blocked,
            Some((pace, taken)) => {
                self.count(pace, from_log, &messages[..taken]);
                Step::Moved
            }
        }
    }

    fn count(&self, pace: Pace, from_log: bool, taken: &[Arc<Message>]) {
        let path = match (pace, from_log) {
            (_, true) => Path::Log,
            (Pace::CatchUp, false) => Path::Tail,
            (Pace::Live, false) => Path::Live,
        };
        if let Some(witness) = &self.stats.witness {
            witness.emitted(taken, path, self.joined);
        }
    }

    /// Does something with the cursor, unless the session left; what it emits meanwhile is before any leave.
    fn with_cursor<T>(&self, act: impl FnOnce(&mut Cursor) -> T) -> Option<T> {
        let mut cursor = lock(&self.cursor);
        let cursor = cursor.as_mut()?;
        let before = cursor.pace();
        let done = act(cursor);
        match (before, cursor.pace()) {
            (Pace::CatchUp, Pace::Live) => self.stats.catching_up.add(-1),
            (Pace::Live, Pace::CatchUp) => self.stats.catching_up.add(1),
            _ => {}
        }
        Some(done)
    }

    /// Ends the cursor: nothing more is emitted once this returns.
    fn end(&self) {
        lock(&self.stay).take();
        if let Some(cursor) = lock(&self.cursor).take() {
            self.stats.cursors.add(-1);
            self.stats.catching_up.add(if cursor.pace() == Pace::CatchUp { -1 } else { 0 });
        }
    }
}

#[cfg(test)]
mod tests;
