//! Every metric: its name, form, labels and meaning.

use metrics::Unit;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Its values are counted in buckets.
    Histogram(Unit),
}

use Form::{Counter, Gauge, Histogram};

/// From their taking to their emit; written by the deliveries themselves.
pub(super) const DELIVERY: (&str, Form, &[&str], &str) = (
    "chorus_delivery_seconds",
    Histogram(Unit::Seconds),
    &["hop"],
    "from a message's taking, by its node's clock, to each emit, by this node's",
);

/// Every metric: its name, form, labels and meaning. The values of all labels are bounded by the code.
pub const ALL: &[(&str, Form, &[&str], &str)] = &[
    // The node.
    ("chorus_build_info", Gauge, &["version", "commit", "node"], "1"),
    ("chorus_drain_stage", Gauge, &[], "0 serves, 1 readiness fails, 2 listener closed, 3 log closed"),
    // Clients.
    ("chorus_connections", Gauge, &["namespace", "transport"], "connected sockets"),
    ("chorus_sessions_ended_total", Counter, &["reason"], "sockets that were connected and are no more"),
    ("chorus_rooms", Gauge, &[], "rooms with members on this node"),
    ("chorus_tail_bytes", Gauge, &[], "bytes of messages that all rooms' tails hold, about"),
    ("chorus_cursors", Gauge, &[], "cursors: sessions times their rooms"),
    (
        "chorus_sessions_catching_up",
        Gauge,
        &[],
        "cursors that are behind their room's head; the others are live",
    ),
    ("chorus_resumes_total", Counter, &["outcome"], "joins with a place: complete or incomplete"),
    // Messages in.
    ("chorus_messages_accepted_total", Counter, &[], "messages stored for this node's clients"),
    ("chorus_messages_known_total", Counter, &[], "retries of a message that was stored already"),
    ("chorus_messages_refused_total", Counter, &["code"], "requests refused"),
    // Messages out.
    ("chorus_deliveries_total", Counter, &["path", "hop"], "messages emitted to sockets"),
    DELIVERY,
    ("chorus_gap_repairs_total", Counter, &[], "reads of the log that filled a hole in a room's order"),
    ("chorus_sweep_hits_total", Counter, &[], "rooms whose growth the sweep told before any hint did"),
    // The log.
    (
        "chorus_append_seconds",
        Histogram(Unit::Seconds),
        &[],
        "from a run's arrival at the log to its durable answer",
    ),
    (
        "chorus_commit_seconds",
        Histogram(Unit::Seconds),
        &[],
        "a transaction, from its begin to its durable end",
    ),
    ("chorus_batch_messages", Histogram(Unit::Count), &[], "drafts of a transaction"),
    ("chorus_lock_wait_seconds", Histogram(Unit::Seconds), &[], "a writer's wait for the other processes"),
    ("chorus_log_writable", Gauge, &[], "1 if the log takes messages, as far as the last tries told"),
    ("chorus_log_file_bytes", Gauge, &[], "the log's file"),
    ("chorus_log_wal_bytes", Gauge, &[], "the file of what was committed and is not yet in the log's own"),
    ("chorus_log_disk_free_bytes", Gauge, &[], "what a process may still write to the log's file system"),
    ("chorus_log_disk_bytes", Gauge, &[], "the log's file system"),
    // The bus.
    ("chorus_bus_up", Gauge, &[], "1 if Redis answers"),
    ("chorus_bus_published_total", Counter, &[], "messages published to the other nodes"),
    ("chorus_bus_received_total", Counter, &[], "messages received from the other nodes"),
    ("chorus_bus_dropped_total", Counter, &["reason"], "messages not published, or received and not used"),
    ("chorus_bus_subscriptions", Gauge, &[], "channels that this node wants to hear"),
    (
        "chorus_bus_lag_seconds",
        Histogram(Unit::Seconds),
        &[],
        "from a message's taking, by its node's clock, to its hint's coming, by this node's",
    ),
    // People.
    ("chorus_presence_complete", Gauge, &[], "1 if other nodes' people can be asked for"),
    (
        "chorus_presence_news_total",
        Counter,
        &["news"],
        "news of people that sessions were told: people or typing",
    ),
    (
        "chorus_presence_dropped_total",
        Counter,
        &["reason"],
        "news of people not told to a session, or whispers between nodes not sent, taken or believed",
    ),
    // Traces.
    ("chorus_trace_spans_total", Counter, &["outcome"], "spans sent to the collector, or not"),
    // The runtime and the process.
    ("chorus_runtime_workers", Gauge, &[], "threads that run tasks"),
    ("chorus_runtime_tasks", Gauge, &[], "tasks that have not ended"),
    ("chorus_runtime_queued_tasks", Gauge, &[], "tasks that wait for any worker"),
    (
        "chorus_runtime_busy_seconds_total",
        Counter,
        &[],
        "time that all workers together were busy, in whole seconds",
    ),
    ("chorus_process_cpu_seconds_total", Counter, &[], "processor time, in whole seconds"),
    ("chorus_process_open_fds", Gauge, &[], "open files"),
    ("chorus_process_max_fds", Gauge, &[], "files that may be open"),
    ("chorus_process_resident_memory_bytes", Gauge, &[], "memory that is occupied"),
    ("chorus_process_virtual_memory_bytes", Gauge, &[], "addresses that are mapped"),
    ("chorus_process_virtual_memory_max_bytes", Gauge, &[], "addresses that may be mapped"),
    ("chorus_process_start_time_seconds", Gauge, &[], "when the process began, after 1970"),
    ("chorus_process_threads", Gauge, &[], "threads"),
];
