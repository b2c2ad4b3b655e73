//! The range of each numeric setting and duration.

use std::time::Duration;

use crate::config::{error::SettingsError, settings::Settings};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// humantime's years have 365.25 days.
const CENTURY: Duration = Duration::from_secs(100 * 31_557_600);
const MIB: u64 = 1024 * 1024;

/// Whether a setting may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zero {
    Allowed,
    Forbidden,
}

use Zero::{Allowed, Forbidden};

/// Checks that each value is in its range. The upper bounds are far beyond what a node can use, and small enough that
/// no calculation overflows.
pub(super) fn check_ranges(settings: &Settings) -> Result<(), SettingsError> {
    for (key, value, zero, max) in counts(settings) {
        if value == 0 && zero == Forbidden {
            return Err(SettingsError::Zero { key });
        }
        if max < value {
            return Err(SettingsError::TooLarge { key, value, max });
        }
    }
    for (key, value, zero, max) in durations(settings) {
        if value.is_zero() && zero == Forbidden {
            return Err(SettingsError::Zero { key });
        }
        if max < value {
            return Err(SettingsError::TooLong { key, max });
        }
    }
    Ok(())
}

fn counts(settings: &Settings) -> [(&'static str, u64, Zero, u64); 13] {
    let Settings { server, socketio, log, bus, history, limits, .. } = settings;
    [
        ("server.max_connections", server.max_connections as u64, Forbidden, 1_000_000),
        ("socketio.max_payload", socketio.max_payload, Forbidden, 256 * MIB),
        ("log.retention_bytes", log.retention_bytes, Allowed, 1_024 * 1_024 * 1_024 * MIB),
        ("log.readers", log.readers as u64, Forbidden, 256),
        ("bus.batch_max_bytes", bus.batch_max_bytes as u64, Forbidden, 64 * MIB),
        ("history.on_join", history.on_join.into(), Allowed, 1_000_000),
        ("limits.max_message_bytes", limits.max_message_bytes as u64, Forbidden, MIB),
        ("limits.messages_per_second", limits.messages_per_second.into(), Allowed, 1_000_000),
        ("limits.rooms_per_session", limits.rooms_per_session as u64, Forbidden, 100_000),
        ("limits.requests_in_flight", limits.requests_in_flight as u64, Forbidden, 65_536),
        ("limits.tail_messages", limits.tail_messages as u64, Forbidden, 1_000_000),
        ("limits.tail_bytes", limits.tail_bytes as u64, Forbidden, 1_024 * MIB),
        // 0 stands for the whole room.
        ("history.tutorial_max", history.tutorial_max.into(), Allowed, 1_000_000_000),
    ]
}

fn durations(settings: &Settings) -> [(&'static str, Duration, Zero, Duration); 15] {
    let Settings { server, socketio, log, bus, limits, drain, auth, .. } = settings;
    [
        ("server.header_timeout", server.header_timeout, Forbidden, HOUR),
        ("server.body_timeout", server.body_timeout, Forbidden, HOUR),
        ("server.write_timeout", server.write_timeout, Forbidden, HOUR),
        ("socketio.ping_interval", socketio.ping_interval, Forbidden, HOUR),
        ("socketio.ping_timeout", socketio.ping_timeout, Forbidden, HOUR),
        ("log.nonce_ttl", log.nonce_ttl, Forbidden, CENTURY),
        ("log.retention", log.retention, Allowed, CENTURY),
        // It bounds the delay of a message whose hint was lost.
        ("log.sweep_interval", log.sweep_interval, Forbidden, SECOND / 2),
        ("log.append_timeout", log.append_timeout, Forbidden, HOUR),
        ("bus.timeout", bus.timeout, Forbidden, HOUR),
        ("limits.stall_timeout", limits.stall_timeout, Forbidden, HOUR),
        ("drain.delay", drain.delay, Allowed, HOUR),
        ("drain.spread", drain.spread, Allowed, HOUR),
        ("drain.timeout", drain.timeout, Forbidden, 3 * HOUR),
        ("auth.token_ttl", auth.token_ttl, Forbidden, CENTURY),
    ]
}
