//! How a node lives and stops: signals, the stages of stopping, and its tasks.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The stages of stopping, in order, shared by every task of a node.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// First: readiness fails, so that a balancer that asks looks elsewhere.
    pub draining: CancellationToken,
    /// Then: the listener closes; nothing new is accepted.
    pub closing: CancellationToken,
    /// Then: what serves no client any more ends: sweeps, repairs, the bus.
    pub stopping: CancellationToken,
    /// Set by a task that cannot go on.
    pub crashed: CancellationToken,
    /// Every spawned task is on it.
    pub tracker: TaskTracker,
}

impl Lifecycle {
    /// Spawns a task that the node cannot live without: that it ends before the node closes is a crash.
    pub fn spawn_vital(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (closing, crashed) = (self.closing.clone(), self.crashed.clone());
        self.tracker.spawn(async move {
            // Dropped also when the task panics.
            let ended = Ended { name, closing, crashed };
            task.await;
            drop(ended);
        });
    }
}

struct Ended {
    name: &'static str,
    closing: CancellationToken,
    crashed: CancellationToken,
}

impl Drop for Ended {
    fn drop(&mut self) {
        if !self.closing.is_cancelled() {
            tracing::error!(task = self.name, "a task ended that the node cannot live without");
            self.crashed.cancel();
        }
    }
}

/// Raises the soft limit of open files to the hard one, since each connection is a file; returns the limit now.
#[must_use]
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // What cannot be raised stays as it is.
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    }
}

/// Why a node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was asked to.
    Signal(&'static str),
    /// A task ended that it cannot live without.
    Crash,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(name) => write!(f, "signal {name}"),
            Self::Crash => f.write_str("crash"),
        }
    }
}

/// Waits until the node is to stop.
///
/// # Errors
///
/// The system does not let the process listen for signals.
pub async fn stop_signal(life: &Lifecycle) -> std::io::Result<Cause> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => Cause::Signal("SIGTERM"),
        _ = interrupt.recv() => Cause::Signal("SIGINT"),
        () = life.crashed.cancelled() => Cause::Crash,
    })
}
