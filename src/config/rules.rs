//! Rules for settings beyond their types and ranges.

use crate::{
    chat::model::{NodeId, RoomName},
    config::{
        error::SettingsError,
        ranges::check_ranges,
        settings::{Drain, Settings},
    },
};

/// A smaller limit would be used up by nonces and the newest messages, which are never pruned.
const RETENTION_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Messages that a session may get between two polls. One polling response must hold all of them.
const POLLED_MESSAGES: u64 = 48;

/// What a polled message takes beside its text.
const ENVELOPE_BYTES: u64 = 1_024;

/// Characters of a channel prefix beside letters and digits.
const PREFIX_PUNCTUATION: &[u8] = b"-_.:/";

impl Settings {
    /// Checks all rules.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), SettingsError> {
        check_ranges(self)?;
        self.check_names()?;
        self.check_telemetry()?;
        self.check_sizes()
    }

    fn check_names(&self) -> Result<(), SettingsError> {
        if !self.log.url.starts_with("sqlite://") && self.log.url != "memory://" {
            return Err(SettingsError::LogUrl);
        }
        if let Some(url) = &self.bus.url
            && !["redis://", "unix://"].iter().any(|scheme| url.expose().starts_with(scheme))
        {
            return Err(SettingsError::BusUrl);
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || PREFIX_PUNCTUATION.contains(&byte);
        let prefix = &self.bus.prefix;
        if !(1..=64).contains(&prefix.len()) || !prefix.bytes().all(is_allowed) {
            return Err(SettingsError::BusPrefix(prefix.clone()));
        }
        if let Some(id) = self.node.id.as_ref().filter(|id| id.parse::<NodeId>().is_err()) {
            return Err(SettingsError::NodeId(id.clone()));
        }
        let cookie = &self.server.sticky_cookie;
        // Cookie names and room names have the same rule.
        if cookie.parse::<RoomName>().is_err() {
            return Err(SettingsError::StickyCookie(cookie.clone()));
        }
        if self.auth.key.as_ref().is_some_and(|key| key.expose().len() < 32) {
            return Err(SettingsError::KeyTooShort);
        }
        Ok(())
    }

    fn check_telemetry(&self) -> Result<(), SettingsError> {
        let telemetry = &self.telemetry;
        if telemetry.otlp_endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("http://")) {
            return Err(SettingsError::OtlpEndpoint);
        }
        let ratio = telemetry.trace_sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(SettingsError::SampleRatio(ratio));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), SettingsError> {
        if (1..RETENTION_BYTES_MIN).contains(&self.log.retention_bytes) {
            return Err(SettingsError::RetentionTooSmall(self.log.retention_bytes));
        }
        let (payload, message) = (self.socketio.max_payload, self.limits.max_message_bytes);
        // Texts that JSON writes as up to twice their bytes: quotes and line breaks are escaped.
        let min = POLLED_MESSAGES * (message as u64 * 2 + ENVELOPE_BYTES);
        if payload < min {
            return Err(SettingsError::PayloadTooSmall { payload, min, message });
        }
        let Drain { delay, spread, timeout } = self.drain;
        if timeout <= delay + spread {
            return Err(SettingsError::DrainTooShort { timeout, delay, spread });
        }
        Ok(())
    }
}
