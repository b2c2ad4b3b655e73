//! A thread of the log's own, whose end can be awaited.

use std::{io, thread, time::Duration};

use tokio::sync::watch;

/// A running thread. It is told to end by dropping what it listens to.
pub(crate) struct Worker {
    /// Its other end is the thread's, and goes with it, also in a panic.
    ended: watch::Receiver<()>,
}

impl Worker {
    pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (running, ended) = watch::channel(());
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _running = running;
            work();
        })?;
        Ok(Self { ended })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.ended.has_changed().is_ok()
    }

    /// Waits for the thread's end, up to `limit`; says whether it came.
    pub(crate) async fn ended(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.ended.clone().changed()).await.is_ok()
    }
}
