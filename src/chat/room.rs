//! One room of a node: its order, its newest messages, and who is woken when it grows.

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

use super::{
    cursor::RoomOrder,
    gather::{Gather, Wake},
    stats::Stats,
    tails::HeldTail,
    types::{Message, RoomName, Seq},
};
use crate::sync::lock;

/// One room, as this node shows it.
pub struct Room {
    name: RoomName,
    /// The newest place that may be shown; what a cursor compares itself with, without a lock.
    head: AtomicU64,
    state: Mutex<RoomState>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

struct RoomState {
    /// Nothing is shown before the log said where the room stands.
    opened: bool,
    order: RoomOrder,
    tail: HeldTail,
    /// Who is woken when the room grows, by membership: in the order in which they came.
    members: BTreeMap<u64, Arc<Notify>>,
    gather: Gather,
    /// A task is filling a hole.
    repairing: bool,
}

impl RoomState {
    fn wake(&self) {
        self.members.values().for_each(|member| member.notify_one());
    }
}

impl Room {
    pub(super) fn new(name: RoomName, tail: HeldTail, tracker: TaskTracker, stop: CancellationToken) -> Self {
        let state = RoomState {
            opened: false,
            order: RoomOrder::default(),
            tail,
            members: BTreeMap::new(),
            gather: Gather::default(),
            repairing: false,
        };
        Self { name, head: AtomicU64::new(0), state: Mutex::new(state), tracker, stop }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// The newest place that may be shown.
    #[must_use]
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Acquire))
    }

    /// Up to `limit` messages after `shown` from memory; `None` if the log must be asked.
    #[must_use]
    pub fn tail_after(&self, shown: Seq, limit: usize) -> Option<Vec<Arc<Message>>> {
        self.with_tail(|tail| tail.after(shown, limit))
    }

    pub(super) fn with_tail<T>(&self, act: impl FnOnce(&mut HeldTail) -> T) -> T {
        act(&mut lock(&self.state).tail)
    }

    pub(super) fn enter(&self, member: u64, wake: Arc<Notify>) {
        lock(&self.state).members.insert(member, wake);
    }

    /// Takes a member out; whether it was the last.
    pub(super) fn leave(&self, member: u64) -> bool {
        let members = &mut lock(&self.state).members;
        members.remove(&member);
        members.is_empty()
    }

    /// Takes messages that are in the log; returns whether a hole is left.
    pub(super) fn offer(self: &Arc<Self>, messages: &[Arc<Message>], stats: &Stats) -> bool {
        let mut state = lock(&self.state);
        for message in messages {
            if state.opened {
                for ready in state.order.offer(message.clone()) {
                    if let (Some(_), Some(witness)) = (ready.draft.trace, &stats.witness) {
                        witness.shown(&ready, state.members.len());
                    }
                    state.tail.push(ready);
                }
            } else {
                state.order.learn(message.seq);
            }
        }
        self.settle(&mut state)
    }

    /// Learns that the log reaches as far as `seq`; returns whether a hole is left.
    pub(super) fn learn(self: &Arc<Self>, seq: Seq) -> bool {
        let mut state = lock(&self.state);
        state.order.learn(seq);
        self.settle(&mut state)
    }

    /// Learns, by having asked the log, that it reaches as far as `head`; the first answer opens the room.
    pub(super) fn open(self: &Arc<Self>, head: Seq) -> bool {
        let mut state = lock(&self.state);
        if !state.opened {
            state.opened = true;
            state.order.skip_to(head);
        }
        state.order.learn(head);
        self.settle(&mut state)
    }

    /// Publishes the head and has the members woken if it moved. Returns whether a hole is left.
    fn settle(self: &Arc<Self>, state: &mut RoomState) -> bool {
        let head = state.order.head().0;
        if self.head.swap(head, Ordering::AcqRel) < head {
            match state.gather.grew(state.members.len(), Instant::now()) {
                Wake::Now => state.wake(),
                Wake::At(at) => drop(self.tracker.spawn(self.clone().wake_at(at))),
                Wake::Due => {}
            }
        }
        state.opened && state.order.missing().is_some()
    }

    async fn wake_at(self: Arc<Self>, at: Instant) {
        self.stop.run_until_cancelled(sleep_until(at)).await;
        let mut state = lock(&self.state);
        state.gather.woke(Instant::now());
        state.wake();
    }

    /// Whether the caller is the one to repair; it says so once.
    pub(super) fn claims_repair(&self) -> bool {
        !std::mem::replace(&mut lock(&self.state).repairing, true)
    }

    /// What is missing, as (after, up to); the repair ends where nothing is, or nobody is left to see it.
    pub(super) fn hole(&self) -> Option<(Seq, Seq)> {
        let mut state = lock(&self.state);
        let missing = state.order.missing().filter(|_| !state.members.is_empty());
        let hole = missing.map(|known| (state.order.head(), known));
        state.repairing = hole.is_some();
        hole
    }

    /// Steps over what the log holds but memory need not.
    pub(super) fn skip_to(self: &Arc<Self>, seq: Seq) {
        let mut state = lock(&self.state);
        state.order.skip_to(seq);
        self.settle(&mut state);
    }

    pub(super) fn forget_missing(&self, known: Seq) {
        lock(&self.state).order.forget_missing(known);
    }
}
