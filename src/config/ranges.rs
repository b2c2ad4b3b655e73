//! How little and how much each setting may be: one table.

use std::time::Duration;

use crate::config::{Rule, Settings};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// As durations are written: a year has 365.25 days.
const CENTURY: Duration = Duration::from_secs(100 * 31_557_600);
const MIB: u64 = 1024 * 1024;

/// Whether a value may be nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Least {
    Nothing,
    Something,
}

use Least::{Nothing, Something};

impl Settings {
    /// Checks that each value is in its range. The upper ends are far beyond what a node is good for, and
    /// near enough that nothing overflows.
    pub(super) fn check_ranges(&self) -> Result<(), Rule> {
        for (key, value, least, most) in self.counts() {
            if value == 0 && least == Something {
                return Err(Rule::Zero { key });
            }
            if most < value {
                return Err(Rule::TooLarge { key, value, most });
            }
        }
        for (key, value, least, most) in self.times() {
            if value.is_zero() && least == Something {
                return Err(Rule::Zero { key });
            }
            if most < value {
                return Err(Rule::TooLong { key, most });
            }
        }
        Ok(())
    }

    fn counts(&self) -> [(&'static str, u64, Least, u64); 13] {
        let Self { server, socketio, log, bus, history, limits, .. } = self;
        [
            ("server.max_connections", server.max_connections as u64, Something, 1_000_000),
            ("socketio.max_payload", socketio.max_payload, Something, 256 * MIB),
            ("log.retention_bytes", log.retention_bytes, Nothing, 1_024 * 1_024 * 1_024 * MIB),
            ("log.readers", log.readers as u64, Something, 256),
            ("bus.batch_max_bytes", bus.batch_max_bytes as u64, Something, 64 * MIB),
            ("history.on_join", history.on_join.into(), Nothing, 1_000_000),
            ("limits.max_message_bytes", limits.max_message_bytes as u64, Something, MIB),
            ("limits.messages_per_second", limits.messages_per_second.into(), Nothing, 1_000_000),
            ("limits.rooms_per_session", limits.rooms_per_session as u64, Something, 100_000),
            ("limits.requests_in_flight", limits.requests_in_flight as u64, Something, 65_536),
            ("limits.tail_messages", limits.tail_messages as u64, Something, 1_000_000),
            ("limits.tail_bytes", limits.tail_bytes as u64, Something, 1_024 * MIB),
            // For all of a room, of which it is a part, there is 0.
            ("history.tutorial_max", history.tutorial_max.into(), Nothing, 1_000_000_000),
        ]
    }

    fn times(&self) -> [(&'static str, Duration, Least, Duration); 15] {
        let Self { server, socketio, log, bus, limits, drain, auth, .. } = self;
        [
            ("server.header_timeout", server.header_timeout, Something, HOUR),
            ("server.body_timeout", server.body_timeout, Something, HOUR),
            ("server.write_timeout", server.write_timeout, Something, HOUR),
            ("socketio.ping_interval", socketio.ping_interval, Something, HOUR),
            ("socketio.ping_timeout", socketio.ping_timeout, Something, HOUR),
            ("log.nonce_ttl", log.nonce_ttl, Something, CENTURY),
            ("log.retention", log.retention, Nothing, CENTURY),
            // It bounds how late a lost hint can be.
            ("log.sweep_interval", log.sweep_interval, Something, SECOND / 2),
            ("log.append_timeout", log.append_timeout, Something, HOUR),
            ("bus.timeout", bus.timeout, Something, HOUR),
            ("limits.stall_timeout", limits.stall_timeout, Something, HOUR),
            ("drain.delay", drain.delay, Nothing, HOUR),
            ("drain.spread", drain.spread, Nothing, HOUR),
            ("drain.timeout", drain.timeout, Something, 3 * HOUR),
            ("auth.token_ttl", auth.token_ttl, Something, CENTURY),
        ]
    }
}
