//! What a log forgets, and when: the same rules for every log.

use std::time::Duration;

use crate::{chat::model::UnixMs, config};

/// So many of the log's newest messages stay, however little room `log.retention_bytes`
/// leaves: nonces take room as well, and must not cost all history.
pub(super) const KEPT_MIN: usize = 1_000;

/// The settings that say what is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    nonce_ttl: Duration,
    messages: Duration,
    bytes: u64,
}

impl Retention {
    pub(super) fn of(settings: &config::Log) -> Self {
        let config::Log { nonce_ttl, retention, retention_bytes, .. } = *settings;
        Self { nonce_ttl, messages: retention, bytes: retention_bytes }
    }

    /// Nonces from before this time are forgotten.
    pub(super) fn nonces_before(&self, now: UnixMs) -> UnixMs {
        before(now, self.nonce_ttl)
    }

    /// Messages from before this time go, up to the first that is not; `None` if they stay for ever.
    pub(super) fn messages_before(&self, now: UnixMs) -> Option<UnixMs> {
        (!self.messages.is_zero()).then(|| before(now, self.messages))
    }

    /// While the log takes more than this, its oldest messages go; `None` if it has no limit.
    pub(super) fn bytes_max(&self) -> Option<u64> {
        (0 < self.bytes).then_some(self.bytes)
    }
}

fn before(now: UnixMs, age: Duration) -> UnixMs {
    UnixMs(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
}
