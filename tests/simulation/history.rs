//! What happened in a world, in its order: judged, counted, and summed up in one number that two runs of a seed share.

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

use crate::tally::{Effect, Tally};

/// One thing that happened.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Event {
    NodeStarted { node: usize },
    NodeDied { node: usize },
    Connected { client: usize, node: usize },
    Resumed { client: usize },
    Disconnected { client: usize },
    Offered { member: usize, number: u32 },
    Sent { member: usize, number: u32 },
    Refused { member: usize, number: u32, why: &'static str },
    GivenUp { member: usize, number: u32 },
    Acked { member: usize, number: u32, seq: u64 },
    Committed { node: usize, room: usize, seq: u64 },
    Shown { member: usize, seq: u64 },
    PeopleKnown { client: usize, count: usize },
    PeopleTold { client: usize, joined: usize, left: usize },
    Fault { what: Effect, target: usize },
    Struck { what: Effect, target: usize },
    Healed,
}

/// All that happened so far.
pub(crate) struct History {
    began: Instant,
    state: Mutex<State>,
}

struct State {
    judge: Judge,
    hash: DefaultHasher,
    /// Where each event is written as it happens.
    file: Option<BufWriter<File>>,
    tally: Tally,
    /// What broke a rule that the judge does not know.
    wrong: Vec<String>,
}

/// How a world's run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) wrong: Vec<String>,
    pub(crate) tally: Tally,
    /// Of all events and their times.
    pub(crate) hash: u64,
}

impl Outcome {
    /// What was wrong, in words; empty if nothing was.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let verdict = &self.verdict;
        let unacked =
            (0 < verdict.unacked()).then(|| format!("{} messages were never answered", verdict.unacked()));
        let more = verdict.violations().saturating_sub(verdict.examples.len() as u64);
        let more = (0 < more).then(|| format!("and {more} more"));
        self.wrong
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
            tally: Tally::default(),
            wrong: Vec::new(),
        };
        Self { began, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened.
    pub(crate) fn note(&self, event: Event) {
        self.write(&mut self.state(), event);
    }

    fn write(&self, state: &mut State, event: Event) {
        let passed = self.began.elapsed();
        (passed, event).hash(&mut state.hash);
        match event {
            Event::Fault { what, .. } => state.tally.begun(what),
            Event::Struck { what, .. } => state.tally.struck(what),
            _ => {}
        }
        if let Some(file) = &mut state.file {
            writeln!(file, "{:>9.3} {event:?}", passed.as_secs_f64()).expect("the history can be written");
        }
    }

    /// A fault did something.
    pub(crate) fn struck(&self, what: Effect, target: usize) {
        self.note(Event::Struck { what, target });
    }

    /// Something that must not be.
    pub(crate) fn wrong(&self, what: String) {
        self.state().wrong.push(what);
    }

    /// Does a task's work; a panic of it is wrong.
    pub(crate) async fn watch<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        let done = AssertUnwindSafe(task).catch_unwind().await;
        done.inspect_err(|_| self.wrong("a task panicked".to_owned())).ok()
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

    /// A client gives a message up that was surely not stored.
    pub(crate) fn give_up(&self, id: Identity) {
        let mut state = self.state();
        self.write(&mut state, Event::GivenUp { member: id.sender as usize, number: id.number });
        state.judge.refuse(id);
    }

    pub(crate) fn show(&self, member: usize, seq: Seq, shown: Shown) {
        let mut state = self.state();
        self.write(&mut state, Event::Shown { member, seq: seq.0 });
        state.judge.show(member, seq.0, shown);
    }

    /// Whether everything was answered, and everybody has all.
    pub(crate) fn is_complete(&self) -> bool {
        self.state().judge.is_complete()
    }

    /// The verdict on all of it; what follows counts no more.
    pub(crate) fn finish(&self) -> Outcome {
        let state = &mut *self.state();
        let judge = std::mem::replace(&mut state.judge, Judge::new(&[], &[]));
        Outcome {
            verdict: judge.finish(),
            wrong: std::mem::take(&mut state.wrong),
            tally: std::mem::take(&mut state.tally),
            hash: state.hash.finish(),
        }
    }
}
