//! Records metrics: one function per event. [`catalogue`] lists all metrics, [`scrape`] serves them.

use metrics::{counter, gauge, histogram};

pub use self::{preregistered::preregister_refusals, recorder::install};

pub mod catalogue;
pub mod preregistered;

mod recorder;

pub mod scrape;

/// A request was refused.
pub fn refused(code: &'static str) {
    counter!("chorus_messages_refused_total", "code" => code).increment(1);
}

/// The drain has reached this stage.
pub fn drain_stage(stage: u8) {
    gauge!("chorus_drain_stage").set(f64::from(stage));
}

/// Sockets were connected, or have ended if `change` is negative.
pub fn connections(namespace: &'static str, transport: &'static str, change: i32) {
    let labels = [("namespace", namespace), ("transport", transport)];
    gauge!("chorus_connections", &labels).increment(f64::from(change));
}

/// A connected socket has ended.
pub fn session_ended(reason: &'static str) {
    counter!("chorus_sessions_ended_total", "reason" => reason).increment(1);
}

/// The log answered a batch of drafts.
pub fn append_seconds(seconds: f64) {
    histogram!("chorus_append_seconds").record(seconds);
}

/// A transaction ended, committed or not.
pub fn commit_seconds(seconds: f64) {
    histogram!("chorus_commit_seconds").record(seconds);
}

/// A transaction had `count` drafts.
pub fn batch_messages(count: usize) {
    histogram!("chorus_batch_messages").record(count as f64);
}

/// The writer waited for other processes.
pub fn lock_wait_seconds(seconds: f64) {
    histogram!("chorus_lock_wait_seconds").record(seconds);
}

/// Messages were published.
pub fn bus_published(count: usize) {
    counter!("chorus_bus_published_total").increment(count as u64);
}

/// Messages were received.
pub fn bus_received(count: usize) {
    counter!("chorus_bus_received_total").increment(count as u64);
}

/// Messages were not published, or were received and dropped.
pub fn bus_dropped(reason: &'static str, count: usize) {
    counter!("chorus_bus_dropped_total", "reason" => reason).increment(count as u64);
}

/// Presence updates were not published, or were received and dropped.
pub fn presence_dropped(reason: &'static str, count: usize) {
    counter!("chorus_presence_dropped_total", "reason" => reason).increment(count as u64);
}

/// The bus is connected to Redis, or is not.
pub fn bus_up(up: bool) {
    gauge!("chorus_bus_up").set(f64::from(u8::from(up)));
}

/// The node subscribes to `count` channels.
pub fn bus_subscriptions(count: usize) {
    gauge!("chorus_bus_subscriptions").set(count as f64);
}

/// A hint arrived `seconds` after its newest message was received by its node.
pub fn bus_lag_seconds(seconds: f64) {
    histogram!("chorus_bus_lag_seconds").record(seconds);
}

/// Spans were exported, or were not.
pub fn trace_spans(outcome: &'static str, count: usize) {
    counter!("chorus_trace_spans_total", "outcome" => outcome).increment(count as u64);
}
