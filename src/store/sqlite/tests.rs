//! A log on a real file: the contract, and what only a file can suffer.

use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tokio::sync::mpsc as channel;

use super::*;
use crate::{
    chat::types::UnixMs,
    store::contract::{self, Subject, append, draft, line, to},
};

/// A folder with one log, opened as often as a test likes.
pub(crate) struct Fixture {
    folder: TempDir,
    pub(crate) settings: config::Log,
    pub(crate) clock: Arc<HandClock>,
}

/// A clock that a test sets.
pub(crate) struct HandClock(pub(crate) AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("data/chat.db").display());
        let settings = config::Log { url, append_timeout: Duration::from_secs(2), ..config::Log::default() };
        let clock = Arc::new(HandClock(AtomicU64::new(draft("", "x").at.0)));
        Self { folder, settings, clock }
    }

    pub(crate) fn open(&self) -> Arc<SqliteLog> {
        self.open_with(channel::channel(1).0)
    }

    fn open_with(&self, commits: Commits) -> Arc<SqliteLog> {
        SqliteLog::open(&self.settings, self.clock.clone(), commits).unwrap()
    }

    pub(crate) fn database(&self) -> Database {
        Database::prepare(&self.settings).unwrap()
    }
}

async fn subject(commits: Commits) -> Subject {
    let fixture = Fixture::new();
    Subject::new(fixture.open_with(commits), fixture)
}

contract::tests!(subject);
