//! One room of a node: its order, its newest messages, and the sessions that are woken when it grows.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    chat::{
        fanout::{
            reorder_buffer::ReorderBuffer,
            tail_budget::TrackedTail,
            wake_throttle::{Wake, WakeThrottle},
        },
        model::{Message, RoomName, Seq},
        ports::DeliveryObserver,
    },
    sync::lock,
};

/// One room, as this node shows it.
pub struct Room {
    name: RoomName,
    /// The newest seq that is released; cursors compare themselves with it without a lock.
    head: AtomicU64,
    state: Mutex<RoomState>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

struct RoomState {
    /// Nothing is released before the log has told the room's head.
    is_open: bool,
    order: ReorderBuffer,
    tail: TrackedTail,
    /// The members' wake-ups by membership, in the order in which they entered.
    members: BTreeMap<u64, Arc<Notify>>,
    throttle: WakeThrottle,
    /// A task is filling a hole.
    is_repairing: bool,
}

impl RoomState {
    fn wake(&self) {
        self.members.values().for_each(|member| member.notify_one());
    }
}

impl Room {
    pub(super) fn new(
        name: RoomName,
        tail: TrackedTail,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let state = RoomState {
            is_open: false,
            order: ReorderBuffer::default(),
            tail,
            members: BTreeMap::new(),
            throttle: WakeThrottle::default(),
            is_repairing: false,
        };
        Self { name, head: AtomicU64::new(0), state: Mutex::new(state), tracker, stop }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// The newest seq that is released.
    #[must_use]
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Acquire))
    }

    /// Up to `limit` messages after `shown` from memory; `None` if the log must be read.
    #[must_use]
    pub fn tail_after(&self, shown: Seq, limit: usize) -> Option<Vec<Arc<Message>>> {
        self.with_tail(|tail| tail.after(shown, limit))
    }

    pub(super) fn with_tail<T>(&self, act: impl FnOnce(&mut TrackedTail) -> T) -> T {
        act(&mut lock(&self.state).tail)
    }

    pub(super) fn enter(&self, member: u64, wake: Arc<Notify>) {
        lock(&self.state).members.insert(member, wake);
    }

    /// Removes a member; returns whether it was the last.
    pub(super) fn leave(&self, member: u64) -> bool {
        let members = &mut lock(&self.state).members;
        members.remove(&member);
        members.is_empty()
    }

    /// Takes messages that are in the log; returns whether there is a hole.
    pub(super) fn offer(
        self: &Arc<Self>,
        messages: &[Arc<Message>],
        observer: &dyn DeliveryObserver,
    ) -> bool {
        let mut state = lock(&self.state);
        for message in messages {
            if !state.is_open {
                state.order.learn(message.seq);
                continue;
            }
            for released in state.order.offer(message.clone()) {
                if released.draft.trace.is_some() {
                    observer.released(&released, state.members.len());
                }
                state.tail.push(released);
            }
        }
        self.settle(&mut state)
    }

    /// Learns that the log reaches as far as `seq`; returns whether there is a hole.
    pub(super) fn learn(self: &Arc<Self>, seq: Seq) -> bool {
        let mut state = lock(&self.state);
        state.order.learn(seq);
        self.settle(&mut state)
    }

    /// Learns the head from the log itself; the first time this opens the room. Returns whether there is a hole.
    pub(super) fn open(self: &Arc<Self>, head: Seq) -> bool {
        let mut state = lock(&self.state);
        if !state.is_open {
            state.is_open = true;
            state.order.skip_to(head);
        }
        state.order.learn(head);
        self.settle(&mut state)
    }

    /// Publishes the head and has the members woken if it moved. Returns whether there is a hole.
    fn settle(self: &Arc<Self>, state: &mut RoomState) -> bool {
        let head = state.order.head().0;
        if self.head.swap(head, Ordering::AcqRel) < head {
            match state.throttle.grew(state.members.len(), Instant::now()) {
                Wake::Now => state.wake(),
                Wake::At(at) => drop(self.tracker.spawn(self.clone().wake_at(at))),
                Wake::Scheduled => {}
            }
        }
        state.is_open && state.order.missing().is_some()
    }

    async fn wake_at(self: Arc<Self>, at: Instant) {
        self.stop.run_until_cancelled(sleep_until(at)).await;
        let mut state = lock(&self.state);
        state.throttle.woke(Instant::now());
        state.wake();
    }

    /// Whether the caller is to repair the room; true for one caller until that repair ends.
    pub(super) fn claims_repair(&self) -> bool {
        !std::mem::replace(&mut lock(&self.state).is_repairing, true)
    }

    /// The hole to fill, as (after, up to). Without one, or without members, the repair ends.
    pub(super) fn hole(&self) -> Option<(Seq, Seq)> {
        let mut state = lock(&self.state);
        let missing = state.order.missing().filter(|_| !state.members.is_empty());
        let hole = missing.map(|known| (state.order.head(), known));
        state.is_repairing = hole.is_some();
        hole
    }

    /// Skips messages that the log holds, or has pruned, and memory need not hold.
    pub(super) fn skip_to(self: &Arc<Self>, seq: Seq) {
        let mut state = lock(&self.state);
        state.order.skip_to(seq);
        self.settle(&mut state);
    }

    pub(super) fn forget_missing(&self, known: Seq) {
        lock(&self.state).order.forget_missing(known);
    }
}
