//! Places where a test makes this process die or freeze, if built with the feature `failpoints`.
//!
//! The environment variable `CHORUS_FAILPOINT` names one, and a batch reaches
//! it when one of its texts contains the same name.

use crate::store::sqlite::write::queue::Run;

/// In the transaction, before its commit; the locks are held.
pub(crate) fn in_commit(runs: &[Run]) {
    #[cfg(feature = "failpoints")]
    if is_reached("stop_in_commit", runs) {
        let stopped = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        stopped.expect("a process may stop itself");
        // Another thread may be the one that the signal reaches, and stops the others: until then this one stays here.
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    #[cfg(not(feature = "failpoints"))]
    let _ = runs;
}

/// After the commit, before anybody is told.
pub(crate) fn after_commit(runs: &[Run]) {
    #[cfg(feature = "failpoints")]
    if is_reached("abort_after_commit", runs) {
        std::process::abort();
    }
    #[cfg(not(feature = "failpoints"))]
    let _ = runs;
}

#[cfg(feature = "failpoints")]
fn is_reached(name: &str, runs: &[Run]) -> bool {
    let mut drafts = runs.iter().flat_map(|run| &run.drafts);
    std::env::var("CHORUS_FAILPOINT").is_ok_and(|set| set == name)
        && drafts.any(|draft| draft.text.as_str().contains(name))
}
