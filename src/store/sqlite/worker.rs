//! A named thread whose end can be awaited.

use std::{io, thread, time::Duration};

use tokio::sync::watch;

/// A running thread. It is stopped by dropping the channel that it listens to.
pub(crate) struct Worker {
    /// The thread owns the sender, so that the channel closes with it, even if it panics.
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

    /// Waits up to `timeout` for the thread to end; returns whether it has.
    pub(crate) async fn join(&self, timeout: Duration) -> bool {
        tokio::time::timeout(timeout, self.ended.clone().changed()).await.is_ok()
    }
}
