//! The lock between processes: an `flock` on a file beside the database.
//!
//! SQLite's own lock has no queue: a process that wants it sleeps and tries,
//! and one that comes back quickly starves the others for seconds. The kernel
//! wakes whoever waits for this one. It is also the lock under which the
//! database is made. SQLite's lock still guards the data: losing this file
//! loses fairness only.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::{Errno, retry_on_intr},
};

/// A side file that one of many threads and processes locks at a time. Each
/// value is a contender of its own, also within one process.
pub(crate) struct SideLock(Arc<File>);

/// The lock, until it is dropped.
pub(crate) struct Held(Arc<File>);

impl SideLock {
    /// The side file of `database` that ends in `suffix`; it is created if it is not there.
    pub(crate) fn open(database: &Path, suffix: &str) -> io::Result<Self> {
        let file = File::options().create(true).truncate(false).write(true).open(beside(database, suffix))?;
        Ok(Self(Arc::new(file)))
    }

    /// Waits for the lock, for as long as it takes.
    pub(crate) fn wait(&self) -> io::Result<Held> {
        self.flock(FlockOperation::LockExclusive)?;
        Ok(Held(self.0.clone()))
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn attempt(&self) -> io::Result<Option<Held>> {
        match self.flock(FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Held(self.0.clone()))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the lock up to `limit`; fair only among those that wait without one.
    pub(crate) fn wait_within(&self, limit: Duration) -> io::Result<Option<Held>> {
        const PAUSE: Duration = Duration::from_millis(20);
        let started = Instant::now();
        loop {
            let held = self.attempt()?;
            if held.is_some() || limit <= started.elapsed() {
                return Ok(held);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn flock(&self, operation: FlockOperation) -> Result<(), Errno> {
        retry_on_intr(|| flock(&*self.0, operation))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It can only fail for a bad descriptor, and ours is open.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// The path of a side file: the database's with `suffix` at its end.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
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
        let [one, other] = [(); 2].map(|()| SideLock::open(&folder.path().join("a.db"), ".lock").unwrap());
        let held = one.wait().unwrap();
        assert!(other.attempt().unwrap().is_none());
        assert!(other.wait_within(Duration::from_millis(30)).unwrap().is_none());
        drop(held);
        assert!(other.attempt().unwrap().is_some());
        assert!(folder.path().join("a.db.lock").exists());
    }
}
