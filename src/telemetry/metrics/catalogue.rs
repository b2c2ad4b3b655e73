//! Every metric: its name, form, labels and description.

use metrics::Unit;

/// The form of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in buckets.
    Histogram(Unit),
}

use Form::{Counter, Gauge, Histogram};

/// Written by [`Deliveries`](crate::telemetry::deliveries::Deliveries) itself.
pub(super) const DELIVERY: (&str, Form, &[&str], &str) = (
    "chorus_delivery_seconds",
    Histogram(Unit::Seconds),
    &["hop"],
    "from a message's receipt, by its node's clock, to each emit, by this node's clock",
);

/// Every metric: its name, form, labels and description. The code bounds the values of all labels.
pub const ALL: &[(&str, Form, &[&str], &str)] = &[
    // The node.
    ("chorus_build_info", Gauge, &["version", "commit", "node"], "always 1"),
    ("chorus_drain_stage", Gauge, &[], "0 serving, 1 readiness fails, 2 listener closed, 3 log closed"),
    // Clients.
    ("chorus_connections", Gauge, &["namespace", "transport"], "connected sockets"),
    ("chorus_sessions_ended_total", Counter, &["reason"], "connected sockets that have ended"),
    ("chorus_rooms", Gauge, &[], "rooms with members on this node"),
    ("chorus_tail_bytes", Gauge, &[], "bytes of messages in the tails of all rooms, roughly"),
    ("chorus_cursors", Gauge, &[], "cursors: each session has one per room"),
    (
        "chorus_sessions_catching_up",
        Gauge,
        &[],
        "cursors that are behind their room's head; the others are live",
    ),
    ("chorus_resumes_total", Counter, &["outcome"], "joins with a position: complete or incomplete"),
    // Messages in.
    ("chorus_messages_accepted_total", Counter, &[], "messages stored for this node's clients"),
    ("chorus_messages_known_total", Counter, &[], "retries of a message that was stored already"),
    ("chorus_messages_refused_total", Counter, &["code"], "requests refused"),
    // Messages out.
    ("chorus_deliveries_total", Counter, &["path", "hop"], "messages emitted to sockets"),
    DELIVERY,
    ("chorus_gap_repairs_total", Counter, &[], "reads of the log that filled a gap in a room's sequence"),
    ("chorus_sweep_hits_total", Counter, &[], "rooms in which the sweep found messages before any hint came"),
    // The log.
    (
        "chorus_append_seconds",
        Histogram(Unit::Seconds),
        &[],
        "from a batch's arrival at the log to its durable answer",
    ),
    ("chorus_commit_seconds", Histogram(Unit::Seconds), &[], "a transaction, from its begin to its commit"),
    ("chorus_batch_messages", Histogram(Unit::Count), &[], "drafts in a transaction"),
    ("chorus_lock_wait_seconds", Histogram(Unit::Seconds), &[], "a writer's wait for other processes"),
    ("chorus_log_writable", Gauge, &[], "1 if the log accepts messages, judging by the last attempts"),
    ("chorus_log_file_bytes", Gauge, &[], "size of the log's file"),
    ("chorus_log_wal_bytes", Gauge, &[], "size of the log's write-ahead log"),
    ("chorus_log_disk_free_bytes", Gauge, &[], "what a process may still write to the log's file system"),
    ("chorus_log_disk_bytes", Gauge, &[], "size of the log's file system"),
    // The bus.
    ("chorus_bus_up", Gauge, &[], "1 if Redis responds"),
    ("chorus_bus_published_total", Counter, &[], "messages published to the other nodes"),
    ("chorus_bus_received_total", Counter, &[], "messages received from the other nodes"),
    ("chorus_bus_dropped_total", Counter, &["reason"], "messages not published, or received and dropped"),
    ("chorus_bus_subscriptions", Gauge, &[], "channels that this node subscribes to"),
    (
        "chorus_bus_lag_seconds",
        Histogram(Unit::Seconds),
        &[],
        "from a message's receipt, by its node's clock, to its hint's arrival, by this node's clock",
    ),
    // Presence.
    ("chorus_presence_complete", Gauge, &[], "1 if the presence of other nodes can be fetched"),
    (
        "chorus_presence_news_total",
        Counter,
        &["news"],
        "presence events sent to sessions: people (members joined or left) or typing",
    ),
    (
        "chorus_presence_dropped_total",
        Counter,
        &["reason"],
        "presence events not sent to a session, and presence updates between nodes not sent or not accepted",
    ),
    // Traces.
    ("chorus_trace_spans_total", Counter, &["outcome"], "spans exported to the collector, or not"),
    // The runtime and the process.
    ("chorus_runtime_workers", Gauge, &[], "threads that run tasks"),
    ("chorus_runtime_tasks", Gauge, &[], "tasks that have not ended"),
    ("chorus_runtime_queued_tasks", Gauge, &[], "tasks in the queue that all workers share"),
    ("chorus_runtime_busy_seconds_total", Counter, &[], "busy time of all workers, in whole seconds"),
    ("chorus_process_cpu_seconds_total", Counter, &[], "processor time, in whole seconds"),
    ("chorus_process_open_fds", Gauge, &[], "open file descriptors"),
    ("chorus_process_max_fds", Gauge, &[], "limit of open file descriptors"),
    ("chorus_process_resident_memory_bytes", Gauge, &[], "resident memory"),
    ("chorus_process_virtual_memory_bytes", Gauge, &[], "virtual memory"),
    ("chorus_process_virtual_memory_max_bytes", Gauge, &[], "limit of virtual memory"),
    ("chorus_process_start_time_seconds", Gauge, &[], "when the process started, in seconds since 1970"),
    ("chorus_process_threads", Gauge, &[], "threads of the process"),
];
