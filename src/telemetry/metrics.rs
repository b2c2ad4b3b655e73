//! All metrics: what each is called, what it means, and where it comes from.
//!
//! The domain counts by itself ([`Stats`]), and so do the [`Deliveries`]; both are read when someone
//! asks. The other parts call the functions here.

use std::sync::{Arc, OnceLock};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use beginnings::FROM_THE_START;

use super::deliveries::Deliveries;
use crate::chat::{ports::MessageLog, stats::Stats, types::NodeId};

mod beginnings;

/// From a commit on a fast disk to one that waited for a slow disk or another process.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// From a lone message to a full batch.
const BATCH: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

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
const DELIVERY: (&str, Form, &[&str], &str) = (
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

/// What `/metrics` says.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    process: metrics_process::Collector,
    deliveries: Arc<Deliveries>,
}

impl Metrics {
    /// Installs the recorder, once a process.
    ///
    /// # Errors
    ///
    /// Another recorder is installed.
    pub fn new(deliveries: Arc<Deliveries>) -> anyhow::Result<Self> {
        let process = metrics_process::Collector::new("chorus_");
        let handle = install()?;
        begin(deliveries.node());
        Ok(Self { handle, process, deliveries })
    }

    /// Takes in the samples of histograms, which wait for it, and ends late spans.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
        self.deliveries.settle();
    }

    /// Everything, in Prometheus' text form; asked on the runtime that the node runs on.
    #[must_use]
    pub fn render(&self, stats: &Stats, log: &dyn MessageLog) -> String {
        read(stats, log);
        read_runtime();
        self.process.collect();
        let (name, _, _, meaning) = DELIVERY;
        let deliveries = self.deliveries.read(name, meaning);
        self.handle.run_upkeep();
        self.handle.render() + &deliveries
    }
}

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

/// Says what runs, and that nothing has happened yet.
fn begin(node: &NodeId) {
    let (version, node) = (env!("CARGO_PKG_VERSION"), node.to_string());
    gauge!("chorus_build_info", "version" => version, "commit" => crate::COMMIT, "node" => node).set(1.0);
    for (name, label, values) in FROM_THE_START {
        for value in *values {
            counter!(*name, *label => *value).increment(0);
        }
    }
    for namespace in ["/", "/chat"] {
        for transport in ["polling", "websocket"] {
            connections(namespace, transport, 0);
        }
    }
}

/// Copies what the domain has counted, and looks at the log's disk.
fn read(stats: &Stats, log: &dyn MessageLog) {
    counter!("chorus_messages_accepted_total").absolute(stats.accepted.get());
    counter!("chorus_messages_known_total").absolute(stats.known.get());
    counter!("chorus_gap_repairs_total").absolute(stats.gap_repairs.get());
    counter!("chorus_sweep_hits_total").absolute(stats.sweep_hits.get());
    counter!("chorus_resumes_total", "outcome" => "complete").absolute(stats.resumed.get());
    counter!("chorus_resumes_total", "outcome" => "incomplete").absolute(stats.incomplete.get());
    counter!("chorus_presence_news_total", "news" => "people").absolute(stats.people_told.get());
    counter!("chorus_presence_news_total", "news" => "typing").absolute(stats.typing_told.get());
    counter!("chorus_presence_dropped_total", "reason" => "session_full").absolute(stats.news_dropped.get());
    gauge!("chorus_presence_complete").set(stats.presence_complete.get() as f64);
    gauge!("chorus_rooms").set(stats.rooms.get() as f64);
    gauge!("chorus_tail_bytes").set(stats.tail_bytes.get() as f64);
    gauge!("chorus_cursors").set(stats.cursors.get() as f64);
    gauge!("chorus_sessions_catching_up").set(stats.catching_up.get() as f64);
    gauge!("chorus_log_writable").set(f64::from(u8::from(log.is_writable())));
    if let Some(space) = log.space() {
        gauge!("chorus_log_file_bytes").set(space.file_bytes as f64);
        gauge!("chorus_log_wal_bytes").set(space.wal_bytes as f64);
        gauge!("chorus_log_disk_free_bytes").set(space.disk_free_bytes as f64);
        gauge!("chorus_log_disk_bytes").set(space.disk_bytes as f64);
    }
}

fn read_runtime() {
    let runtime = tokio::runtime::Handle::current().metrics();
    let workers = runtime.num_workers();
    let busy: std::time::Duration =
        (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
    gauge!("chorus_runtime_workers").set(workers as f64);
    gauge!("chorus_runtime_tasks").set(runtime.num_alive_tasks() as f64);
    gauge!("chorus_runtime_queued_tasks").set(runtime.global_queue_depth() as f64);
    counter!("chorus_runtime_busy_seconds_total").absolute(busy.as_secs());
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::{chat::types::Epoch, store::memory::MemoryLog};

    #[test]
    fn a_level_is_told_however_high_it_is() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (stats, handle) = (Stats::default(), recorder.handle());
        stats.tail_bytes.set(3_000_000_000);
        let log = MemoryLog::new(Epoch::from_random(1), [0; 32], mpsc::channel(1).0);
        metrics::with_local_recorder(&recorder, || read(&stats, &log));
        let told = handle.render();
        assert!(told.contains("\nchorus_tail_bytes 3000000000\n"), "{told}");
    }
}
