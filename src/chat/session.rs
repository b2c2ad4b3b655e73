//! One socket's session: a cursor in each of its rooms, moved by what the socket takes.
//!
//! Join, history, recovery, a repaired gap and a slow reader are one thing
//! here: a cursor that is behind its room's head. One task a session, the
//! pump, reads what follows each cursor, offers it to the [`Outlet`], and moves the
//! cursor by what was taken, never by more.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    hub::{Hub, RETRY_MAX, RETRY_MIN, Room, lock},
    ports::MessageLog,
    stats::Stats,
    types::{Message, RoomName, Seq},
};

/// A socket, as the pump sees it.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// How many messages [`deliver`](Self::deliver) would take now; 0 if the socket must drain first.
    fn appetite(&self, pace: Pace) -> usize;

    /// Emits a prefix of `messages` and returns how many it took. Less than
    /// all means that the socket is full, and the rest is offered again.
    fn deliver(&self, room: &RoomName, messages: &[Arc<Message>], pace: Pace) -> usize;

    /// Says that messages after `after` and up to `upto` are no longer there.
    fn lost(&self, room: &RoomName, after: Seq, upto: Seq);

    /// Completes when the appetite may have grown.
    async fn drained(&self);

    /// Cuts the connection so that the client comes back and resumes.
    fn cut(&self);
}

/// How a cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It was at the head: message by message.
    Live,
    /// It is behind: in pages, where the socket's protocol has them.
    CatchUp,
}

/// One socket's rooms, and its place in each.
pub struct Session {
    id: u64,
    hub: Arc<Hub>,
    wake: Arc<Notify>,
    /// Bounded by `limits.rooms_per_session`, which the service keeps.
    follows: Mutex<Vec<Arc<Follow>>>,
    stats: Arc<Stats>,
    ended: CancellationToken,
}

/// A session's cursor in one room.
struct Follow {
    room: Arc<Room>,
    cursor: Mutex<Cursor>,
    stats: Arc<Stats>,
}

struct Cursor {
    /// The client has all up to here.
    shown: Seq,
    pace: Pace,
    /// The session left the room: nothing more is emitted.
    left: bool,
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
    pub fn new(hub: Arc<Hub>, stats: Arc<Stats>, ended: CancellationToken) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, hub, wake: Arc::default(), follows: Mutex::default(), stats, ended })
    }

    /// Its number on this node, and what is woken when a room of it grows.
    pub(super) fn member(&self) -> (u64, &Arc<Notify>) {
        (self.id, &self.wake)
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
        lock(&self.follows).iter().any(|follow| follow.room.name() == room)
    }

    /// Starts to follow a room that it has entered, from after `shown` on; an
    /// earlier cursor there is replaced.
    pub(super) fn follow(&self, room: Arc<Room>, shown: Seq) {
        self.drop_cursor(room.name());
        let cursor = Mutex::new(Cursor { shown, pace: Pace::CatchUp, left: false });
        self.stats.cursors.add(1);
        self.stats.catching_up.add(1);
        lock(&self.follows).push(Arc::new(Follow { room, cursor, stats: self.stats.clone() }));
        self.wake.notify_one();
    }

    /// Leaves a room; once this returns, nothing more of it is emitted.
    pub fn leave(&self, room: &RoomName) {
        self.drop_cursor(room);
        self.hub.leave(room, self.id);
    }

    /// Ends a cursor, but not the membership.
    fn drop_cursor(&self, room: &RoomName) {
        let mut follows = lock(&self.follows);
        if let Some(place) = follows.iter().position(|follow| follow.room.name() == room) {
            follows.swap_remove(place).end();
        }
    }

    /// Leaves all rooms.
    fn leave_all(&self) {
        let follows = std::mem::take(&mut *lock(&self.follows));
        for follow in follows {
            follow.end();
            self.hub.leave(follow.room.name(), self.id);
        }
    }

    /// Moves the cursors until the session ends; it then leaves all rooms.
    ///
    /// If it has messages for the socket and cannot move for `stall_timeout`, it
    /// cuts the connection and ends: the client comes back and resumes.
    pub async fn pump(&self, log: &dyn MessageLog, outlet: &dyn Outlet, stall_timeout: Duration) {
        let run = async {
            let mut moved_at = Instant::now();
            let mut retry = RETRY_MIN;
            loop {
                let (mut moved, mut blocked, mut unread) = (false, false, false);
                let follows = lock(&self.follows).clone();
                for follow in &follows {
                    match follow.step(log, outlet).await {
                        Step::Level => {}
                        Step::Moved => moved = true,
                        Step::Blocked => blocked = true,
                        Step::Unread => unread = true,
                    }
                }
                if moved {
                    (moved_at, retry) = (Instant::now(), RETRY_MIN);
                    continue;
                }
                if !blocked && !unread {
                    self.wake.notified().await;
                    moved_at = Instant::now();
                    continue;
                }
                let deadline = moved_at + stall_timeout;
                tokio::select! {
                    () = tokio::time::sleep_until(deadline) => {
                        self.stats.stalled.add(1);
                        return outlet.cut();
                    }
                    () = outlet.drained(), if blocked => {}
                    () = tokio::time::sleep(retry), if unread => retry = (retry * 2).min(RETRY_MAX),
                    () = self.wake.notified() => {}
                }
            }
        };
        self.ended.run_until_cancelled(run).await;
        self.ended.cancel();
        self.leave_all();
    }
}

impl Follow {
    async fn step(&self, log: &dyn MessageLog, outlet: &dyn Outlet) -> Step {
        let head = self.room.head();
        let (shown, pace) = {
            let mut cursor = lock(&self.cursor);
            if cursor.left {
                return Step::Level;
            }
            if head <= cursor.shown {
                self.set_pace(&mut cursor, Pace::Live);
                return Step::Level;
            }
            (cursor.shown, cursor.pace)
        };
        let appetite = outlet.appetite(pace);
        if appetite == 0 {
            self.set_pace(&mut lock(&self.cursor), Pace::CatchUp);
            return Step::Blocked;
        }
        if let Some(messages) = self.room.tail_after(shown, appetite) {
            return self.emit(outlet, &messages, false);
        }
        match log.read(self.room.name(), shown, appetite).await {
            Ok(messages) => self.emit(outlet, &messages, true),
            Err(_) => Step::Unread,
        }
    }

    /// Offers messages that follow the cursor and moves it by what was taken.
    fn emit(&self, outlet: &dyn Outlet, messages: &[Arc<Message>], from_log: bool) -> Step {
        let mut cursor = lock(&self.cursor);
        if cursor.left {
            return Step::Level;
        }
        // The room's head came from the log: what the log no longer holds below it was pruned meanwhile.
        let pruned = messages.first().map_or_else(|| self.room.head(), |first| Seq(first.seq.0 - 1));
        if cursor.shown < pruned {
            outlet.lost(self.room.name(), cursor.shown, pruned);
            cursor.shown = pruned;
        }
        let taken = outlet.deliver(self.room.name(), messages, cursor.pace);
        let Some(last) = taken.checked_sub(1).map(|last| messages[last].seq) else {
            self.set_pace(&mut cursor, Pace::CatchUp);
            return Step::Blocked;
        };
        cursor.shown = last;
        self.count(cursor.pace, from_log, taken as u64);
        Step::Moved
    }

    fn count(&self, pace: Pace, from_log: bool, taken: u64) {
        let stats = &self.stats;
        let count = match (pace, from_log) {
            (_, true) => &stats.delivered_log,
            (Pace::CatchUp, false) => &stats.delivered_tail,
            (Pace::Live, false) => &stats.delivered_live,
        };
        count.add(taken);
    }

    fn set_pace(&self, cursor: &mut Cursor, pace: Pace) {
        if cursor.pace != pace {
            cursor.pace = pace;
            self.stats.catching_up.add(if pace == Pace::CatchUp { 1 } else { -1 });
        }
    }

    /// Ends the cursor: nothing more is emitted once this returns.
    fn end(&self) {
        let mut cursor = lock(&self.cursor);
        self.set_pace(&mut cursor, Pace::Live);
        cursor.left = true;
        self.stats.cursors.add(-1);
    }
}
