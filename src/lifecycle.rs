//! A process's runtime and signals, and the stages in which a node stops.

use std::{fmt, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Runs a future to its end on a new runtime. It does not wait for blocking calls that are left: a disk that hangs, or a
/// long search, would keep the process alive beyond `drain.timeout`.
///
/// # Errors
///
/// The system cannot start the threads.
pub fn run<T>(main: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(main);
    runtime.shutdown_background();
    Ok(outcome)
}

/// The stages of stopping, in order, shared by every task of a node.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// First: readiness fails, so that the load balancer sends clients elsewhere.
    pub draining: CancellationToken,
    /// Then: the listener closes; nothing new is accepted.
    pub closing: CancellationToken,
    /// Last: background tasks end: sweeps, repairs, the bus.
    pub stopping: CancellationToken,
    /// Cancelled when a vital task has ended.
    pub crashed: CancellationToken,
    /// Tracks every spawned task.
    pub tracker: TaskTracker,
}

impl Lifecycle {
    /// Spawns a task that the node cannot live without. If it ends before `closing`, the node has crashed.
    pub fn spawn_vital(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (closing, crashed) = (self.closing.clone(), self.crashed.clone());
        self.tracker.spawn(async move {
            // It is dropped even if the task panics.
            let guard = VitalGuard { name, closing, crashed };
            task.await;
            drop(guard);
        });
    }
}

struct VitalGuard {
    name: &'static str,
    closing: CancellationToken,
    crashed: CancellationToken,
}

impl Drop for VitalGuard {
    fn drop(&mut self) {
        if !self.closing.is_cancelled() {
            tracing::error!(task = self.name, "a task ended that the node cannot live without");
            self.crashed.cancel();
        }
    }
}

/// Raises the soft limit of open files to the hard limit, since each connection is a file. Returns the new limit.
#[must_use]
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    }
}

/// Why a node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It received this signal.
    Signal(&'static str),
    /// A vital task has ended.
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

/// Waits for a signal or a crash.
///
/// # Errors
///
/// The system does not allow the process to handle signals.
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
