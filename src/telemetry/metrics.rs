//! All metrics: what each is called, what it means, and where it comes from.
//!
//! The domain counts by itself ([`Stats`]) and is read when someone asks; the
//! other parts call the functions here.

use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::chat::stats::Stats;

/// From a commit on a fast disk to one that waited for a slow disk or another process.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// From a lone message to a full batch.
const BATCH: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Its values are counted in buckets.
    Histogram(Unit),
}

/// Every metric: its name, form and meaning.
pub const ALL: &[(&str, Form, &str)] = &[
    ("chorus_build_info", Form::Gauge, "1, with the version and commit as labels"),
    ("chorus_connections", Form::Gauge, "connected sockets, by namespace"),
    ("chorus_messages_accepted_total", Form::Counter, "messages stored for this node's clients"),
    ("chorus_messages_known_total", Form::Counter, "retries of a message that was stored already"),
    ("chorus_messages_refused_total", Form::Counter, "requests refused, by code"),
    ("chorus_deliveries_total", Form::Counter, "messages emitted to sockets, by path: live, tail or log"),
    ("chorus_gap_repairs_total", Form::Counter, "reads of the log that filled a hole in a room's order"),
    ("chorus_sweep_hits_total", Form::Counter, "rooms whose growth the sweep told before any hint did"),
    ("chorus_rooms", Form::Gauge, "rooms with members on this node"),
    ("chorus_tail_bytes", Form::Gauge, "bytes of messages that all rooms' tails hold, about"),
    ("chorus_cursors", Form::Gauge, "cursors: sessions times their rooms"),
    ("chorus_sessions_catching_up", Form::Gauge, "cursors that are behind their room's head"),
    ("chorus_sessions_stalled_total", Form::Counter, "sessions cut since they took nothing for too long"),
    ("chorus_resumes_total", Form::Counter, "joins with a place, by outcome: complete or incomplete"),
    (
        "chorus_append_seconds",
        Form::Histogram(Unit::Seconds),
        "from a run's arrival at the log to its durable answer",
    ),
    (
        "chorus_commit_seconds",
        Form::Histogram(Unit::Seconds),
        "a transaction, from its begin to its durable end",
    ),
    ("chorus_batch_messages", Form::Histogram(Unit::Count), "drafts of a transaction"),
    ("chorus_lock_wait_seconds", Form::Histogram(Unit::Seconds), "a writer's wait for the other processes"),
    ("chorus_log_writable", Form::Gauge, "1 if the log takes messages, as far as the last tries told"),
    ("chorus_bus_up", Form::Gauge, "1 if Redis answers"),
    ("chorus_bus_published_total", Form::Counter, "messages published to the other nodes"),
    ("chorus_bus_received_total", Form::Counter, "messages received from the other nodes"),
    (
        "chorus_bus_dropped_total",
        Form::Counter,
        "messages not published, or received and not used, by reason",
    ),
    ("chorus_bus_subscriptions", Form::Gauge, "channels that this node is subscribed to"),
];

/// Installs the recorder, once a process, and returns its handle.
///
/// # Errors
///
/// Another recorder is installed.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_messages".to_owned()), &BATCH)?
        .build_recorder();
    let handle = recorder.handle();
    // Of two nodes of one process that start at one time, one installs.
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
        return Ok(HANDLE.get_or_init(|| handle).clone());
    }
    HANDLE.get().cloned().ok_or_else(|| anyhow::anyhow!("another metrics recorder is installed"))
}

fn describe() {
    for (name, form, meaning) in ALL {
        match form {
            Form::Counter => describe_counter!(*name, *meaning),
            Form::Gauge => describe_gauge!(*name, *meaning),
            Form::Histogram(unit) => describe_histogram!(*name, *unit, *meaning),
        }
    }
    gauge!("chorus_build_info", "version" => env!("CARGO_PKG_VERSION"), "commit" => crate::COMMIT).set(1.0);
}

/// Copies what the domain has counted.
pub fn read(stats: &Stats, log_writable: bool) {
    counter!("chorus_messages_accepted_total").absolute(stats.accepted.get());
    counter!("chorus_messages_known_total").absolute(stats.known.get());
    counter!("chorus_deliveries_total", "path" => "live").absolute(stats.delivered_live.get());
    counter!("chorus_deliveries_total", "path" => "tail").absolute(stats.delivered_tail.get());
    counter!("chorus_deliveries_total", "path" => "log").absolute(stats.delivered_log.get());
    counter!("chorus_gap_repairs_total").absolute(stats.gap_repairs.get());
    counter!("chorus_sweep_hits_total").absolute(stats.sweep_hits.get());
    counter!("chorus_sessions_stalled_total").absolute(stats.stalled.get());
    counter!("chorus_resumes_total", "outcome" => "complete").absolute(stats.resumed.get());
    counter!("chorus_resumes_total", "outcome" => "incomplete").absolute(stats.incomplete.get());
    let level = |level: i64| i32::try_from(level).map_or(f64::MAX, f64::from);
    gauge!("chorus_rooms").set(level(stats.rooms.get()));
    gauge!("chorus_tail_bytes").set(level(stats.tail_bytes.get()));
    gauge!("chorus_cursors").set(level(stats.cursors.get()));
    gauge!("chorus_sessions_catching_up").set(level(stats.catching_up.get()));
    gauge!("chorus_log_writable").set(f64::from(u8::from(log_writable)));
}

/// A request was refused.
pub fn refused(code: &'static str) {
    counter!("chorus_messages_refused_total", "code" => code).increment(1);
}

/// Sockets came or went.
pub fn connections(namespace: &'static str, more: i32) {
    gauge!("chorus_connections", "namespace" => namespace).increment(f64::from(more));
}

/// A run of drafts was answered.
pub fn append_seconds(seconds: f64) {
    histogram!("chorus_append_seconds").record(seconds);
}

/// A transaction ended.
pub fn commit_seconds(seconds: f64) {
    histogram!("chorus_commit_seconds").record(seconds);
}

/// So many drafts were one transaction.
pub fn batch_messages(count: usize) {
    histogram!("chorus_batch_messages").record(count as f64);
}

/// The writer has waited for the other processes.
pub fn lock_wait_seconds(seconds: f64) {
    histogram!("chorus_lock_wait_seconds").record(seconds);
}

/// So many messages were published.
pub fn bus_published(count: usize) {
    counter!("chorus_bus_published_total").increment(count as u64);
}

/// So many messages were received.
pub fn bus_received(count: usize) {
    counter!("chorus_bus_received_total").increment(count as u64);
}

/// So many messages were lost on the way, or not used.
pub fn bus_dropped(reason: &'static str, count: usize) {
    counter!("chorus_bus_dropped_total", "reason" => reason).increment(count as u64);
}

/// Redis answers, or does not.
pub fn bus_up(up: bool) {
    gauge!("chorus_bus_up").set(f64::from(u8::from(up)));
}

/// So many channels are subscribed to.
pub fn bus_subscriptions(count: usize) {
    gauge!("chorus_bus_subscriptions").set(count as f64);
}
