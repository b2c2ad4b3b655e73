//! What settings must keep beside having the right type.

use std::time::Duration;

use humantime_serde::re::humantime::format_duration;

use crate::{
    chat::model::{NodeId, RoomName},
    config::{Drain, Settings},
};

/// Less would be taken by nonces and the newest messages, which stay in any case.
const RETENTION_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Messages that a session is given between two of its polls: one answer carries all of them, or they pile up.
const POLLED_MESSAGES: u64 = 48;

/// What a polled message takes beside its text, of which JSON may write each byte as two.
const ENVELOPE_BYTES: u64 = 1_024;

/// A rule over the settings that a value breaks.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Rule {
    /// A value that must be more than nothing.
    #[error("{key} must be greater than zero")]
    Zero {
        /// The setting.
        key: &'static str,
    },
    /// More than any node is good for, and too much to calculate with.
    #[error("{key} ({value}) must be at most {most}")]
    TooLarge {
        /// The setting.
        key: &'static str,
        /// What it was set to.
        value: u64,
        /// The most that it may be.
        most: u64,
    },
    /// Longer than anything here may take.
    #[error("{key} must be at most {}", format_duration(*most))]
    TooLong {
        /// The setting.
        key: &'static str,
        /// The longest that it may be.
        most: Duration,
    },
    /// A log that could not even hold its newest messages.
    #[error("log.retention_bytes ({0}) must be 0 or at least 16777216 (16 MiB)")]
    RetentionTooSmall(u64),
    /// No adapter for this log.
    #[error("log.url must begin with sqlite:// or be memory://")]
    LogUrl,
    /// No adapter for this bus.
    #[error("bus.url must begin with redis:// or unix://")]
    BusUrl,
    /// No way to this collector: there is no TLS here.
    #[error("telemetry.otlp_endpoint must begin with http://")]
    OtlpEndpoint,
    /// No share of anything.
    #[error("telemetry.trace_sample_ratio ({0}) must be from 0 to 1")]
    SampleRatio(f64),
    /// Channels that could not be told from others, or that no pattern would match.
    #[error("bus.prefix ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', ':', '/'")]
    BusPrefix(String),
    /// A key that can be guessed.
    #[error("auth.key must have at least 32 bytes")]
    KeyTooShort,
    /// A node name that the wire cannot carry.
    #[error("node.id ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'")]
    NodeId(String),
    /// A cookie that no browser would know.
    #[error("server.sticky_cookie ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'")]
    StickyCookie(String),
    /// A polling answer that could not carry all that waits, so that a polling session fell behind for ever.
    #[error(
        "socketio.max_payload ({payload}) must be at least 48 times limits.max_message_bytes ({message}) doubled, with 1 KiB each"
    )]
    PayloadTooSmall {
        /// `socketio.max_payload`.
        payload: u64,
        /// `limits.max_message_bytes`.
        message: usize,
    },
    /// The whole drain would end inside its own pauses.
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

impl Settings {
    /// Checks the rules that one value alone does not show.
    ///
    /// # Errors
    ///
    /// The first [`Rule`] that is broken.
    pub fn check(&self) -> Result<(), Rule> {
        self.check_ranges()?;
        self.check_names()?;
        self.check_telemetry()?;
        self.check_sizes()
    }

    fn check_names(&self) -> Result<(), Rule> {
        if !self.log.url.starts_with("sqlite://") && self.log.url != "memory://" {
            return Err(Rule::LogUrl);
        }
        let schemes = ["redis://", "unix://"];
        if self
            .bus
            .url
            .as_ref()
            .is_some_and(|url| !schemes.iter().any(|scheme| url.expose().starts_with(scheme)))
        {
            return Err(Rule::BusUrl);
        }
        let in_channels = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        let prefix = &self.bus.prefix;
        if !(1..=64).contains(&prefix.len()) || !prefix.bytes().all(in_channels) {
            return Err(Rule::BusPrefix(prefix.clone()));
        }
        if let Some(id) = self.node.id.as_ref().filter(|id| id.parse::<NodeId>().is_err()) {
            return Err(Rule::NodeId(id.clone()));
        }
        let cookie = &self.server.sticky_cookie;
        // What a room may be called, a cookie may.
        if cookie.parse::<RoomName>().is_err() {
            return Err(Rule::StickyCookie(cookie.clone()));
        }
        if self.auth.key.as_ref().is_some_and(|key| key.expose().len() < 32) {
            return Err(Rule::KeyTooShort);
        }
        Ok(())
    }

    fn check_telemetry(&self) -> Result<(), Rule> {
        let telemetry = &self.telemetry;
        if telemetry.otlp_endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("http://")) {
            return Err(Rule::OtlpEndpoint);
        }
        let ratio = telemetry.trace_sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(Rule::SampleRatio(ratio));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), Rule> {
        if (1..RETENTION_BYTES_MIN).contains(&self.log.retention_bytes) {
            return Err(Rule::RetentionTooSmall(self.log.retention_bytes));
        }
        let (payload, message) = (self.socketio.max_payload, self.limits.max_message_bytes);
        if payload < POLLED_MESSAGES * (message as u64 * 2 + ENVELOPE_BYTES) {
            return Err(Rule::PayloadTooSmall { payload, message });
        }
        let Drain { delay, spread, timeout } = self.drain;
        if timeout <= delay + spread {
            return Err(Rule::DrainTooShort { timeout, delay, spread });
        }
        Ok(())
    }
}
