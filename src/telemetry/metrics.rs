//! All metrics of a node: their names, units and meaning.

use metrics::histogram;

/// How long one call of the log's `append` took, whatever came of it.
pub fn append_seconds(seconds: f64) {
    histogram!("chorus_append_seconds").record(seconds);
}

/// How long one transaction of the log took, from its begin to its commit.
pub fn commit_seconds(seconds: f64) {
    histogram!("chorus_commit_seconds").record(seconds);
}

/// How many drafts one transaction of the log held.
pub fn batch_messages(messages: usize) {
    histogram!("chorus_batch_messages").record(u32::try_from(messages).unwrap_or(u32::MAX));
}

/// How long the log's writer waited for the lock between processes.
pub fn lock_wait_seconds(seconds: f64) {
    histogram!("chorus_lock_wait_seconds").record(seconds);
}
