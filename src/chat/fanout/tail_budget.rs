//! What the tails of all rooms of a node may hold together.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use crate::chat::{
    fanout::tail::{Tail, TailLimit},
    model::{Message, Seq},
    stats::Stats,
};

/// All rooms of a node together hold no more than this many full tails, however many rooms there are. Beyond it, those
/// that grew longest ago drop theirs, and their cursors read the log.
pub(super) const FULL_TAILS_MAX: usize = 256;

/// What a message takes beside its text, roughly.
const MESSAGE_BYTES: usize = 256;

/// The memory of all tails of a node.
pub(super) struct TailBudget {
    limit: TailLimit,
    bytes_max: i64,
    used_bytes: AtomicI64,
    stats: Arc<Stats>,
    /// Counts every push, which gives the order in which tails grew.
    pushes: AtomicU64,
}

impl TailBudget {
    pub(super) fn new(limit: TailLimit, stats: Arc<Stats>) -> Self {
        let bytes_max = i64::try_from(limit.bytes.saturating_mul(FULL_TAILS_MAX)).unwrap_or(i64::MAX);
        Self { limit, bytes_max, used_bytes: AtomicI64::new(0), stats, pushes: AtomicU64::new(0) }
    }

    /// The limit of one tail.
    pub(super) fn limit(&self) -> TailLimit {
        self.limit
    }

    /// Makes an empty tail that is charged to this budget.
    pub(super) fn tail(self: &Arc<Self>) -> TrackedTail {
        TrackedTail { tail: Tail::new(self.limit), budget: self.clone(), bytes: 0, grown: 0 }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.bytes_max < self.used_bytes.load(Ordering::Relaxed)
    }

    /// Whether an eighth of it is free: enough that it is not exceeded again soon.
    pub(super) fn has_reserve(&self) -> bool {
        self.used_bytes.load(Ordering::Relaxed) <= self.bytes_max - self.bytes_max / 8
    }

    fn charge(&self, more_bytes: i64) {
        self.used_bytes.fetch_add(more_bytes, Ordering::Relaxed);
        self.stats.tail_bytes.add(more_bytes);
    }
}

/// One room's tail, charged to the budget.
pub(super) struct TrackedTail {
    tail: Tail,
    budget: Arc<TailBudget>,
    bytes: i64,
    /// When it grew last, by the budget's count of pushes.
    grown: u64,
}

impl TrackedTail {
    /// As [`Tail::push`].
    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.tail.push(message);
        self.grown = self.budget.pushes.fetch_add(1, Ordering::Relaxed) + 1;
        self.update_charge();
    }

    /// As [`Tail::after`].
    pub(super) fn after(&self, shown: Seq, limit: usize) -> Option<Vec<Arc<Message>>> {
        self.tail.after(shown, limit)
    }

    /// Orders tails by their last growth.
    pub(super) fn grown(&self) -> u64 {
        self.grown
    }

    pub(super) fn clear(&mut self) {
        self.tail = Tail::new(self.budget.limit);
        self.update_charge();
    }

    fn update_charge(&mut self) {
        let bytes = self.tail.text_bytes() + self.tail.messages() * MESSAGE_BYTES;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.budget.charge(bytes - self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for TrackedTail {
    fn drop(&mut self) {
        self.budget.charge(-self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Notify, mpsc};
    use tokio_util::{sync::CancellationToken, task::TaskTracker};

    use super::*;
    use crate::{
        chat::{
            fanout::hub::{Hub, HubParts, Membership},
            model::Epoch,
            ports::{Hint, Unobserved},
            testing::message,
        },
        cluster::memory::bus::MemoryCluster,
        store::memory::MemoryLog,
    };

    /// This many messages of three bytes fill the budget.
    const FULL: usize = 10 * FULL_TAILS_MAX / (3 + MESSAGE_BYTES);

    /// A hub with short tails that has received a hint for each of these rooms in turn, with the room's next message.
    async fn hub_with(rooms: &[String]) -> (Vec<Membership>, Arc<Stats>) {
        let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [7; 32], mpsc::channel(1).0));
        let (to_hints, hints) = mpsc::channel(rooms.len());
        let stats = Arc::new(Stats::default());
        let hub = Hub::new(HubParts {
            log,
            bus: Arc::new(MemoryCluster::default().join(to_hints.clone())),
            observer: Arc::new(Unobserved),
            stats: stats.clone(),
            tail: TailLimit { messages: 8, bytes: 10 },
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
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
        let (rooms, stats) = hub_with(&numbered(FULL)).await;
        assert!(rooms.iter().all(holds_newest));
        assert_eq!(stats.tail_bytes.get(), (FULL * (3 + MESSAGE_BYTES)) as i64);
        drop(rooms);
        assert_eq!(stats.tail_bytes.get(), 0);
    }

    #[tokio::test]
    async fn of_too_many_rooms_those_that_grew_last_keep_their_tails() {
        // The first room grows all the time, and so is among the newest as well.
        let names: Vec<String> =
            numbered(FULL * 5).into_iter().flat_map(|name| ["r0".to_owned(), name]).skip(1).collect();
        let (rooms, stats) = hub_with(&names).await;
        let held = stats.tail_bytes.get();
        let most = 10 * FULL_TAILS_MAX as i64;
        assert!((most / 2..=most).contains(&held), "no more is given up than must be: {held} of {most}");
        assert!(rooms.iter().rev().take(4).all(holds_newest));
        assert!(holds_newest(&rooms[0]), "it grew last but one");
        assert!(!holds_newest(&rooms[2]), "it grew once, long ago");
        assert_eq!(rooms[2].room().head(), Seq(1), "what it had is shown from the log");
    }
}
