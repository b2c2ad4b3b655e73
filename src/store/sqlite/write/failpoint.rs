//! Points at which a test kills or freezes this process, in builds with the feature `failpoints`.
//!
//! The environment variable `CHORUS_FAILPOINT` names one. A group reaches it if one of its texts contains the name.

#[cfg(feature = "failpoints")]
use std::sync::atomic::{AtomicBool, Ordering};

use crate::store::sqlite::write::queue::QueuedBatch;

#[cfg(feature = "failpoints")]
static HAS_FROZEN: AtomicBool = AtomicBool::new(false);

/// In the transaction, before its commit, while the locks are held. Freezes the process once: the client's retry of the
/// message passes.
pub(crate) fn in_commit(group: &[QueuedBatch]) {
    #[cfg(feature = "failpoints")]
    if is_reached("stop_in_commit", group) && !HAS_FROZEN.swap(true, Ordering::Relaxed) {
        let stopped = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        stopped.expect("a process may stop itself");
        // The signal may reach another thread first: this one waits until it is stopped with the process.
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    #[cfg(not(feature = "failpoints"))]
    let _ = group;
}

/// After the commit, before any caller gets its result.
pub(crate) fn after_commit(group: &[QueuedBatch]) {
    #[cfg(feature = "failpoints")]
    if is_reached("abort_after_commit", group) {
        std::process::abort();
    }
    #[cfg(not(feature = "failpoints"))]
    let _ = group;
}

#[cfg(feature = "failpoints")]
fn is_reached(name: &str, group: &[QueuedBatch]) -> bool {
    let mut drafts = group.iter().flat_map(|batch| &batch.drafts);
    std::env::var("CHORUS_FAILPOINT").is_ok_and(|set| set == name)
        && drafts.any(|draft| draft.text.as_str().contains(name))
}
