//! A log in a temporary folder, for tests.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::mpsc as channel;

use crate::{
    chat::ports::Commits,
    config,
    store::{
        contract::retention::ManualClock,
        sqlite::{SqliteLog, file::database::Database, maintenance::janitor::Janitor},
    },
};

/// A folder for one log, which a test may open several times.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) settings: config::Log,
    pub(crate) clock: Arc<ManualClock>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("data/chat.db").display());
        let settings = config::Log { url, append_timeout: Duration::from_secs(2), ..config::Log::default() };
        let clock = Arc::new(ManualClock::new());
        Self { folder, settings, clock }
    }

    pub(crate) fn open(&self) -> Arc<SqliteLog> {
        self.open_with(channel::channel(1).0)
    }

    pub(crate) fn open_with(&self, commits: Commits) -> Arc<SqliteLog> {
        SqliteLog::open(&self.settings, self.clock.clone(), commits).unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("data/chat.db")
    }

    /// A connection of another program.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    pub(crate) fn database(&self) -> Database {
        Database::open_or_create(&self.settings).unwrap()
    }

    /// A janitor for the test to run, beside the log's own.
    pub(crate) fn janitor(&self) -> Janitor {
        Janitor::new(self.database(), self.clock.clone(), &self.settings).unwrap()
    }
}

/// Runs a round, waiting for the log's own janitor if that is at work.
pub(crate) fn run_round(janitor: &mut Janitor) {
    let (_running, stop) = mpsc::channel();
    while !janitor.round(&stop).unwrap() {}
}
