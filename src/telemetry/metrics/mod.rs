//! Records metrics. [`catalogue`] lists them all, [`scrape`] answers `/metrics`.

use std::sync::OnceLock;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use self::catalogue::{ALL, DELIVERY, Form};

pub mod catalogue;
pub mod preregistered;
pub mod scrape;

/// From a commit on a fast disk to one that waited for a slow disk or another process.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// From a lone message to a full batch.
const BATCH: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

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
    for (name, form, _, meaning) in ALL {
        if *name == DELIVERY.0 {
            continue;
        }
        match form {
            Form::Counter => describe_counter!(*name, *meaning),
            Form::Gauge => describe_gauge!(*name, *meaning),
            Form::Histogram(unit) => describe_histogram!(*name, *unit, *meaning),
        }
    }
}

/// Registers the refusal counter of each code at 0.
pub fn preregister_refusals(codes: impl Iterator<Item = &'static str>) {
    for code in codes {
        counter!("chorus_messages_refused_total", "code" => code).increment(0);
    }
}

/// A request was refused.
pub fn refused(code: &'static str) {
    counter!("chorus_messages_refused_total", "code" => code).increment(1);
}

/// The node has come so far in going away.
pub fn drain_stage(stage: u8) {
    gauge!("chorus_drain_stage").set(f64::from(stage));
}

/// Sockets came or went.
pub fn connections(namespace: &'static str, transport: &'static str, more: i32) {
    let labels = [("namespace", namespace), ("transport", transport)];
    gauge!("chorus_connections", &labels).increment(f64::from(more));
}

/// A socket that was connected is no more.
pub fn session_ended(reason: &'static str) {
    counter!("chorus_sessions_ended_total", "reason" => reason).increment(1);
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

/// So many whispers were lost on the way, or not believed.
pub fn whispers_dropped(reason: &'static str, count: usize) {
    counter!("chorus_presence_dropped_total", "reason" => reason).increment(count as u64);
}

/// Redis answers, or does not.
pub fn bus_up(up: bool) {
    gauge!("chorus_bus_up").set(f64::from(u8::from(up)));
}

/// So many channels are subscribed to.
pub fn bus_subscriptions(count: usize) {
    gauge!("chorus_bus_subscriptions").set(count as f64);
}

/// A hint came so long after its message was taken.
pub fn bus_lag_seconds(seconds: f64) {
    histogram!("chorus_bus_lag_seconds").record(seconds);
}

/// So many spans were sent, or not.
pub fn trace_spans(outcome: &'static str, count: usize) {
    counter!("chorus_trace_spans_total", "outcome" => outcome).increment(count as u64);
}
