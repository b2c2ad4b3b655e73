//! How a node lives and stops: its runtime, signals, the stages of stopping, and its tasks.

use std::{fmt, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Runs a life to its end, and waits for nothing that is left of it then: a read of a disk that hangs, or a
/// long search, would hold the process beyond the drain's limit.
///
/// # Errors
///
/// The system has no threads for it.
pub fn run<T>(life: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(life);
    runtime.shutdown_background();
    Ok(outcome)
}

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
pub async fn stop_signal(life: &Lifecycle) -> io::Result<Cause> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => Cause::Signal("SIGTERM"),
        _ = interrupt.recv() => Cause::Signal("SIGINT"),
        () = life.crashed.cancelled() => Cause::Crash,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_life_that_is_over_waits_for_no_read_that_hangs() {
        let began = Instant::now();
        let outcome = run(async {
            let (begun, begins) = tokio::sync::oneshot::channel();
            drop(tokio::task::spawn_blocking(|| {
                begun.send(()).unwrap();
                thread::sleep(Duration::from_secs(20));
            }));
            begins.await
        });
        assert!(outcome.unwrap().is_ok());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
