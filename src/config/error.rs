//! Why settings are invalid.

use std::time::Duration;

use humantime_serde::re::humantime::format_duration;

/// A setting that breaks a rule. Its text names the key, the value unless it is secret, and the rule.
#[derive(Debug, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the texts name the keys and the rules")]
pub enum SettingsError {
    #[error("{key} must be greater than zero")]
    Zero { key: &'static str },
    #[error("{key} ({value}) must be at most {max}")]
    TooLarge { key: &'static str, value: u64, max: u64 },
    #[error("{key} must be at most {}", format_duration(*max))]
    TooLong { key: &'static str, max: Duration },
    /// A log that could not hold even its newest messages.
    #[error("log.retention_bytes ({0}) must be 0 for no limit, or at least 16777216 (16 MiB)")]
    RetentionTooSmall(u64),
    #[error("log.url must begin with sqlite:// or be memory://")]
    LogUrl,
    #[error("bus.url must begin with redis:// or unix://")]
    BusUrl,
    #[error("telemetry.otlp_endpoint must begin with http://; this build has no TLS")]
    OtlpEndpoint,
    #[error("telemetry.trace_sample_ratio ({0}) must be from 0 to 1")]
    SampleRatio(f64),
    /// Channel names that would be ambiguous, or that no pattern could match.
    #[error("bus.prefix ({0:?}) must be 1 to 64 characters of a-z, A-Z, 0-9, '-', '_', '.', ':', '/'")]
    BusPrefix(String),
    #[error("auth.key must have at least 32 bytes; `openssl rand -hex 32` makes one")]
    KeyTooShort,
    #[error("node.id ({0:?}) must be 1 to 64 characters of a-z, A-Z, 0-9, '-', '_', '.'")]
    NodeId(String),
    #[error("server.sticky_cookie ({0:?}) must be 1 to 64 characters of a-z, A-Z, 0-9, '-', '_', '.'")]
    StickyCookie(String),
    /// A polling response too small for the messages of one poll, so that a polling session would fall behind forever.
    #[error(
        "socketio.max_payload ({payload}) must be at least {min}, so that 48 messages of limits.max_message_bytes \
         ({message}) fit: raise the first or lower the second"
    )]
    PayloadTooSmall { payload: u64, min: u64, message: usize },
    /// A drain that would end during its own pauses.
    #[error(
        "drain.timeout ({timeout:?}) must be longer than drain.delay ({delay:?}) and drain.spread ({spread:?}) together"
    )]
    DrainTooShort { timeout: Duration, delay: Duration, spread: Duration },
}
