//! State that all clients of a run share.

use std::{
    sync::{Mutex, MutexGuard, atomic::AtomicUsize},
    time::Instant,
};

use crate::{identity::Texts, options::Options, record::Record};

/// The stage that the run has reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    /// Clients connect and join; nothing is sent yet.
    Connecting,
    /// Messages are sent, starting at this moment.
    Sending(Instant),
    /// Sending, which started at this moment, is over; outstanding messages are awaited.
    Settling(Instant),
}

/// A room as it was when the run started.
#[derive(Clone, Debug)]
pub(crate) struct RoomStart {
    pub(crate) room: String,
    pub(crate) epoch: String,
    /// The newest seq before the run.
    pub(crate) head: u64,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    /// By room number.
    pub(crate) rooms: Vec<RoomStart>,
    pub(crate) texts: Texts,
    /// Clients that have joined their room at least once.
    pub(crate) joined: AtomicUsize,
    /// Clients that will offer no more messages.
    pub(crate) finished: AtomicUsize,
    record: Mutex<Record>,
}

impl Shared {
    pub(crate) fn new(options: Options, rooms: Vec<RoomStart>, texts: Texts, record: Record) -> Self {
        let record = Mutex::new(record);
        Self { options, rooms, texts, joined: AtomicUsize::new(0), finished: AtomicUsize::new(0), record }
    }

    pub(crate) fn into_parts(self) -> (Options, Record) {
        (self.options, self.record.into_inner().expect("nothing panics while it holds the record"))
    }

    /// Locks the record; hold the guard for one packet at most.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().expect("nothing panics while it holds the record")
    }
}
