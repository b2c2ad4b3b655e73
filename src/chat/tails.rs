//! What the tails of all rooms of a node hold together.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    cursor::{Tail, TailLimit},
    room::Room,
    stats::Stats,
    types::{Message, Seq},
};

/// The rooms of a node together hold no more than so many full tails, however many they are. Beyond it, those
/// that grew longest ago give up theirs, and their cursors read the log.
pub(super) const FULL_TAILS_MAX: usize = 256;

/// What a message takes beside its text, about.
const MESSAGE_BYTES: usize = 256;

/// All tails of a node.
pub(super) struct Tails {
    limit: TailLimit,
    /// What they hold is in [`Stats::tail_bytes`].
    bytes_max: i64,
    stats: Arc<Stats>,
    /// Counts what is added to any of them: the order in which they grew.
    pushes: AtomicU64,
}

impl Tails {
    pub(super) fn new(limit: TailLimit, stats: Arc<Stats>) -> Self {
        let bytes_max = i64::try_from(limit.bytes.saturating_mul(FULL_TAILS_MAX)).unwrap_or(i64::MAX);
        Self { limit, bytes_max, stats, pushes: AtomicU64::new(0) }
    }

    /// The limit of each.
    pub(super) fn limit(&self) -> TailLimit {
        self.limit
    }

    /// An empty tail.
    pub(super) fn tail(self: &Arc<Self>) -> HeldTail {
        HeldTail { tail: Tail::new(self.limit), tails: self.clone(), bytes: 0, grown: 0 }
    }

    pub(super) fn are_over(&self) -> bool {
        self.bytes_max < self.stats.tail_bytes.get()
    }

    /// Gives up those of these rooms that grew longest ago, until an eighth is free: enough that the
    /// next time is not soon.
    pub(super) fn give_up_oldest(&self, mut rooms: Vec<Arc<Room>>) {
        rooms.sort_by_cached_key(|room| room.with_tail(|tail| tail.grown));
        let enough = self.bytes_max - self.bytes_max / 8;
        for room in rooms {
            if self.stats.tail_bytes.get() <= enough {
                break;
            }
            room.with_tail(HeldTail::give_up);
        }
    }
}

/// One room's tail, and its part of what all hold.
pub(super) struct HeldTail {
    tail: Tail,
    tails: Arc<Tails>,
    bytes: i64,
    /// When it grew last: later is greater.
    grown: u64,
}

impl HeldTail {
    /// As [`Tail::push`].
    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.tail.push(message);
        self.grown = self.tails.pushes.fetch_add(1, Ordering::Relaxed) + 1;
        self.count();
    }

    /// As [`Tail::after`].
    pub(super) fn after(&self, shown: Seq, limit: usize) -> Option<Vec<Arc<Message>>> {
        self.tail.after(shown, limit)
    }

    fn give_up(&mut self) {
        self.tail = Tail::new(self.tails.limit);
        self.count();
    }

    fn count(&mut self) {
        let bytes = self.tail.text_bytes() + self.tail.messages() * MESSAGE_BYTES;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.tails.stats.tail_bytes.add(bytes - self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for HeldTail {
    fn drop(&mut self) {
        self.tails.stats.tail_bytes.add(-self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Notify, mpsc};
    use tokio_util::{sync::CancellationToken, task::TaskTracker};

    use super::*;
    use crate::{
        chat::{
            hub::{Hub, Membership},
            ports::Hint,
            testing::message,
            types::Epoch,
        },
        cluster::memory::MemoryCluster,
        store::memory::MemoryLog,
    };

    /// So many messages of three bytes are as much as all rooms may hold.
    const FULL: usize = 10 * FULL_TAILS_MAX / (3 + MESSAGE_BYTES);

    /// A hub whose tails are short, and rooms that it heard so of in turn, each of its next message.
    async fn heard(rooms: &[String]) -> (Vec<Membership>, Arc<Stats>) {
        let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [7; 32], mpsc::channel(1).0));
        let (to_hints, hints) = mpsc::channel(rooms.len());
        let (bus, stats) =
            (Arc::new(MemoryCluster::default().join(to_hints.clone())), Arc::new(Stats::default()));
        let limit = TailLimit { messages: 8, bytes: 10 };
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let hub = Hub::new(log, bus, stats.clone(), limit, tracker, stop.clone());
        let mut memberships: Vec<Membership> = Vec::new();
        for name in rooms {
            let known = memberships.iter().filter(|known| known.room().name().as_str() == name).count();
            let (membership, _) = hub.enter(&name.parse().unwrap(), &Arc::new(Notify::new())).await.unwrap();
            memberships.push(membership);
            to_hints.send(Hint::Messages(vec![message(name, known as u64 + 1)])).await.unwrap();
        }
        let taken = hub.take_hints(hints);
        let all = async {
            while to_hints.capacity() < to_hints.max_capacity() {
                tokio::task::yield_now().await
            }
        };
        tokio::select! { () = taken => {}, () = all => {} }
        (memberships, stats)
    }

    fn numbered(rooms: usize) -> Vec<String> {
        (0..rooms).map(|n| format!("r{n}")).collect()
    }

    fn holds_newest(membership: &Membership) -> bool {
        let room = membership.room();
        room.tail_after(Seq(room.head().0 - 1), 1).is_some()
    }

    #[tokio::test]
    async fn rooms_that_fit_together_keep_their_tails() {
        let (rooms, stats) = heard(&numbered(FULL)).await;
        assert!(rooms.iter().all(holds_newest));
        assert_eq!(stats.tail_bytes.get(), (FULL * (3 + MESSAGE_BYTES)) as i64);
        drop(rooms);
        assert_eq!(stats.tail_bytes.get(), 0);
    }

    #[tokio::test]
    async fn of_too_many_rooms_those_that_grew_last_keep_their_tails() {
        // The first room grows all the time, so that it is the newest as well.
        let names: Vec<String> =
            numbered(FULL * 5).into_iter().flat_map(|name| ["r0".to_owned(), name]).skip(1).collect();
        let (rooms, stats) = heard(&names).await;
        let held = stats.tail_bytes.get();
        let most = 10 * FULL_TAILS_MAX as i64;
        assert!((most / 2..=most).contains(&held), "no more is given up than must be: {held} of {most}");
        assert!(rooms.iter().rev().take(4).all(holds_newest));
        assert!(holds_newest(&rooms[0]), "it grew last but one");
        assert!(!holds_newest(&rooms[2]), "it grew once, long ago");
        assert_eq!(rooms[2].room().head(), Seq(1), "what it had is shown from the log");
    }
}
