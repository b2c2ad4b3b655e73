//! Why settings are invalid.

use std::time::Duration;

use humantime_serde::re::humantime::format_duration;

/// A setting that breaks a rule. Its text names the key, the value unless it is secret, and the rule.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A value of zero where zero means nothing.
    #[error("{key} must be greater than zero")]
    Zero {
        /// The setting.
        key: &'static str,
    },
    /// A number above its upper bound.
    #[error("{key} ({value}) must be at most {max}")]
    TooLarge {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: u64,
        /// Its upper bound.
        max: u64,
    },
    /// A duration above its upper bound.
    #[error("{key} must be at most {}", format_duration(*max))]
    TooLong {
        /// The setting.
        key: &'static str,
        /// Its upper bound.
        max: Duration,
    },
    /// A log that could not hold even its newest messages.
    #[error("log.retention_bytes ({0}) must be 0 for no limit, or at least 16777216 (16 MiB)")]
    RetentionTooSmall(u64),
    /// There is no adapter for this log.
    #[error("log.url must begin with sqlite:// or be memory://")]
    LogUrl,
    /// There is no adapter for this bus.
    #[error("bus.url must begin with redis:// or unix://")]
    BusUrl,
    /// The exporter has no TLS.
    #[error("telemetry.otlp_endpoint must begin with http://; this build has no TLS")]
    OtlpEndpoint,
    /// A ratio outside its range.
    #[error("telemetry.trace_sample_ratio ({0}) must be from 0 to 1")]
    SampleRatio(f64),
    /// Channel names that would be ambiguous, or that no pattern could match.
    #[error("bus.prefix ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', ':', '/'")]
    BusPrefix(String),
    /// A key that could be guessed.
    #[error("auth.key must have at least 32 bytes; `openssl rand -hex 32` makes one")]
    KeyTooShort,
    /// A name that the protocol cannot carry.
    #[error("node.id ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'")]
    NodeId(String),
    /// A name that browsers would not accept.
    #[error("server.sticky_cookie ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'")]
    StickyCookie(String),
    /// A polling response too small for the messages of one poll, so that a polling session would fall behind forever.
    #[error(
        "socketio.max_payload ({payload}) must be at least {min}, so that 48 messages of limits.max_message_bytes \
         ({message}) fit: raise the first or lower the second"
    )]
    PayloadTooSmall {
        /// `socketio.max_payload`.
        payload: u64,
        /// The least that it may be.
        min: u64,
        /// `limits.max_message_bytes`.
        message: usize,
    },
    /// A drain that would end during its own pauses.
    #[error(
        "drain.timeout ({timeout:?}) must be longer than drain.delay ({delay:?}) and drain.spread ({spread:?}) together"
    )]
    DrainTooShort {
        /// `drain.timeout`.
        timeout: Duration,
        /// `drain.delay`.
        delay: Duration,
        /// `drain.spread`.
        spread: Duration,
    },
}
