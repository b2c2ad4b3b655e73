//! Counters that are there from the start: what has not happened yet has happened no time.

/// Counters by a label whose values are all known: each is there from the start, at 0, so that its first
/// event is seen as growth. Tests that read `/metrics` notice a value that is missing here.
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
