//! What a log deletes, and when: the same rules for every log.

use std::time::Duration;

use crate::{chat::model::UnixMs, config};

/// The newest messages of the log, which `log.retention_bytes` never deletes: nonces take space as well, and must not
/// cost all history.
pub(super) const KEPT_MIN: usize = 1_000;

/// The retention settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    nonce_ttl: Duration,
    messages: Duration,
    bytes: u64,
}

impl Retention {
    pub(super) fn new(settings: &config::Log) -> Self {
        let config::Log { nonce_ttl, retention, retention_bytes, .. } = *settings;
        Self { nonce_ttl, messages: retention, bytes: retention_bytes }
    }

    /// Nonces from before this time are deleted.
    pub(super) fn nonces_before(&self, now: UnixMs) -> UnixMs {
        before(now, self.nonce_ttl)
    }

    /// Messages from before this time are deleted, up to the first newer one; `None` if messages do not expire.
    pub(super) fn messages_before(&self, now: UnixMs) -> Option<UnixMs> {
        (!self.messages.is_zero()).then(|| before(now, self.messages))
    }

    /// The oldest messages are deleted while the log is larger than this; `None` if there is no limit.
    pub(super) fn bytes_max(&self) -> Option<u64> {
        (0 < self.bytes).then_some(self.bytes)
    }
}

fn before(now: UnixMs, age: Duration) -> UnixMs {
    UnixMs(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
}
