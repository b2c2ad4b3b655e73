//! A lock between processes: an `flock` on a file beside the database.
//!
//! SQLite's own lock has no queue: a process that wants it sleeps and tries again, and one that comes back quickly
//! starves the others for seconds. `flock` wakes its waiters. SQLite's lock still guards the data: without this file
//! only fairness is lost.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::{
    fs::{FlockOperation, flock},
    io::{Errno, retry_on_intr},
};

/// A lock file that one thread of one process holds at a time. Each value is a contender, also within one process.
pub(crate) struct FileLock {
    file: Arc<File>,
    path: PathBuf,
}

/// Holds the lock until it is dropped.
pub(crate) struct LockGuard(Arc<File>);

impl FileLock {
    /// Opens or creates the side file of `database` with this suffix.
    pub(crate) fn open(database: &Path, suffix: &str) -> anyhow::Result<Self> {
        let path = side_file(database, suffix);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot open the lock file {}", path.display()))?;
        Ok(Self { file: Arc::new(file), path })
    }

    /// Waits for the lock without a time limit.
    pub(crate) fn acquire(&self) -> anyhow::Result<LockGuard> {
        self.flock(FlockOperation::LockExclusive).with_context(|| self.failure())?;
        Ok(LockGuard(self.file.clone()))
    }

    /// Takes the lock if it is free.
    pub(crate) fn try_acquire(&self) -> anyhow::Result<Option<LockGuard>> {
        match self.flock(FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(LockGuard(self.file.clone()))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).with_context(|| self.failure()),
        }
    }

    /// Waits for the lock up to `timeout`. It polls, so that waiters without a limit go first.
    pub(crate) fn acquire_within(&self, timeout: Duration) -> anyhow::Result<Option<LockGuard>> {
        const PAUSE: Duration = Duration::from_millis(20);
        let started = Instant::now();
        loop {
            let guard = self.try_acquire()?;
            if guard.is_some() || timeout <= started.elapsed() {
                return Ok(guard);
            }
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn flock(&self, operation: FlockOperation) -> Result<(), Errno> {
        retry_on_intr(|| flock(&*self.file, operation))
    }

    fn failure(&self) -> String {
        format!("cannot lock {}", self.path.display())
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // It fails for a closed descriptor only, and this one is open.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// The path of a side file: the database's path followed by `suffix`.
pub(crate) fn side_file(database: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(suffix);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_contender_holds_the_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| FileLock::open(&folder.path().join("a.db"), ".lock").unwrap());
        let guard = one.acquire().unwrap();
        assert!(other.try_acquire().unwrap().is_none());
        assert!(other.acquire_within(Duration::from_millis(30)).unwrap().is_none());
        drop(guard);
        assert!(other.try_acquire().unwrap().is_some());
        assert!(folder.path().join("a.db.lock").exists());
    }
}
