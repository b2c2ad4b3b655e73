//! Counters that exist from the start with value 0, so that their first event shows as an increase.

use metrics::{counter, gauge};

/// Counters, each with a label and all of its values. Tests that read `/metrics` notice a value that is missing here.
pub const FROM_THE_START: &[(&str, &str, &[&str])] = &[
    (
        "chorus_sessions_ended_total",
        "reason",
        &["left", "heartbeat", "protocol", "stalled", "unread", "write_deadline", "log_unreadable", "drain"],
    ),
    (
        "chorus_bus_dropped_total",
        "reason",
        &["queue_full", "redis_down", "hints_full", "corrupt", "forged", "foreign", "version"],
    ),
    (
        "chorus_presence_dropped_total",
        "reason",
        &[
            "session_full",
            "queue_full",
            "redis_down",
            "whispers_full",
            "corrupt",
            "forged",
            "foreign",
            "version",
        ],
    ),
    ("chorus_trace_spans_total", "outcome", &["exported", "failed"]),
];

/// Registers the counter of each refusal code.
pub fn preregister_refusals(codes: impl Iterator<Item = &'static str>) {
    for code in codes {
        counter!("chorus_messages_refused_total", "code" => code).increment(0);
    }
}

/// Registers the counters of [`FROM_THE_START`], and the connections of each namespace and transport.
pub(super) fn preregister() {
    for (name, label, values) in FROM_THE_START {
        for value in *values {
            counter!(*name, *label => *value).increment(0);
        }
    }
    for namespace in ["/", "/chat"] {
        for transport in ["polling", "websocket"] {
            let labels = [("namespace", namespace), ("transport", transport)];
            gauge!("chorus_connections", &labels).increment(0.0);
        }
    }
}
