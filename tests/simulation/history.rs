//! Records the events of a simulation in order: judges them, counts faults, and hashes all of it to compare two runs.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher as _},
    io::{BufWriter, Write as _},
    panic::AssertUnwindSafe,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chorus::chat::model::Seq;
use chorus_load::{
    identity::Identity,
    judge::{Judge, Member, Shown, Verdict},
};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::effects::{Effect, EffectCounts};

/// One event.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Event {
    NodeStarted { node: usize },
    NodeKilled { node: usize },
    Connected { client: usize, node: usize },
    Resumed { client: usize },
    Disconnected { client: usize },
    Offered { member: usize, number: u32 },
    Sent { member: usize, number: u32 },
    Refused { member: usize, number: u32, why: &'static str },
    GaveUp { member: usize, number: u32 },
    Acked { member: usize, number: u32, seq: u64 },
    Committed { node: usize, room: usize, seq: u64 },
    Shown { member: usize, seq: u64 },
    MembersListed { client: usize, count: usize },
    PresenceChanged { client: usize, joined: usize, left: usize },
    FaultBegan { effect: Effect, target: usize },
    TookEffect { effect: Effect, target: usize },
    Healed,
}

/// All events so far.
pub(crate) struct History {
    began: Instant,
    state: Mutex<State>,
}

struct State {
    judge: Judge,
    hash: DefaultHasher,
    /// Where each event is also written, for a replay.
    file: Option<BufWriter<File>>,
    effects: EffectCounts,
    /// Violations of rules that the judge does not know.
    violations: Vec<String>,
}

/// The outcome of a simulation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) violations: Vec<String>,
    pub(crate) effects: EffectCounts,
    /// The hash of all events and their times.
    pub(crate) hash: u64,
}

impl Outcome {
    /// All violations in words; empty if there were none.
    pub(crate) fn violations(&self) -> Vec<String> {
        let verdict = &self.verdict;
        let unacked =
            (0 < verdict.unacked()).then(|| format!("{} messages were never acked", verdict.unacked()));
        let more = verdict.violations().saturating_sub(verdict.examples.len() as u64);
        let more = (0 < more).then(|| format!("and {more} more"));
        self.violations
            .iter()
            .cloned()
            .chain(unacked)
            .chain(verdict.examples.iter().cloned())
            .chain(more)
            .collect()
    }
}

impl History {
    pub(crate) fn new(began: Instant, rooms: &[String], members: &[Member], file: Option<File>) -> Self {
        let state = State {
            judge: Judge::new(rooms, members),
            hash: DefaultHasher::new(),
            file: file.map(BufWriter::new),
            effects: EffectCounts::default(),
            violations: Vec::new(),
        };
        Self { began, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event.
    pub(crate) fn record(&self, event: Event) {
        self.write(&mut self.state(), event);
    }

    fn write(&self, state: &mut State, event: Event) {
        let passed = self.began.elapsed();
        (passed, event).hash(&mut state.hash);
        match event {
            Event::FaultBegan { effect, .. } => state.effects.count_begun(effect),
            Event::TookEffect { effect, .. } => state.effects.count_effect(effect),
            _ => {}
        }
        if let Some(file) = &mut state.file {
            writeln!(file, "{:>9.3} {event:?}", passed.as_secs_f64()).expect("the history can be written");
        }
    }

    /// Records that a fault took effect.
    pub(crate) fn took_effect(&self, effect: Effect, target: usize) {
        self.record(Event::TookEffect { effect, target });
    }

    /// Records something that must not happen.
    pub(crate) fn violation(&self, text: String) {
        self.state().violations.push(text);
    }

    /// Runs a task; a panic is a violation.
    pub(crate) async fn watch<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let done = AssertUnwindSafe(task).catch_unwind().await;
        done.inspect_err(|_| self.violation("a task panicked".to_owned())).ok()
    }

    pub(crate) fn offer(&self, member: usize) -> Identity {
        let mut state = self.state();
        let id = state.judge.offer(member as u32);
        self.write(&mut state, Event::Offered { member, number: id.number });
        id
    }

    pub(crate) fn ack(&self, id: Identity, seq: Seq) {
        let mut state = self.state();
        self.write(&mut state, Event::Acked { member: id.sender as usize, number: id.number, seq: seq.0 });
        state.judge.ack(id, Some(seq.0));
    }

    /// A client gives up a message that was surely not stored.
    pub(crate) fn give_up(&self, id: Identity) {
        let mut state = self.state();
        self.write(&mut state, Event::GaveUp { member: id.sender as usize, number: id.number });
        state.judge.refuse(id);
    }

    pub(crate) fn show(&self, member: usize, seq: Seq, shown: Shown) {
        let mut state = self.state();
        self.write(&mut state, Event::Shown { member, seq: seq.0 });
        state.judge.show(member, seq.0, shown);
    }

    /// Whether every post was acked and every member has every message.
    pub(crate) fn is_complete(&self) -> bool {
        self.state().judge.is_complete()
    }

    /// Returns the outcome. Later events are ignored.
    pub(crate) fn finish(&self) -> Outcome {
        let state = &mut *self.state();
        let judge = std::mem::replace(&mut state.judge, Judge::new(&[], &[]));
        Outcome {
            verdict: judge.finish(),
            violations: std::mem::take(&mut state.violations),
            effects: std::mem::take(&mut state.effects),
            hash: state.hash.finish(),
        }
    }
}
