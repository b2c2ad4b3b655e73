//! Serves `/metrics` in Prometheus' text format.
//!
//! The domain's [`Stats`] and the [`Deliveries`] have counters of their own, which are read here. Everything else is
//! recorded through the functions in [`metrics`](crate::telemetry::metrics).

use std::sync::Arc;

use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::{
    chat::{ports::MessageLog, stats::Stats},
    telemetry::{
        deliveries::Deliveries,
        metrics::{catalogue::DELIVERY, preregistered::preregister, recorder::install},
    },
};

/// Renders all metrics of the process and one node.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    process: metrics_process::Collector,
    deliveries: Arc<Deliveries>,
}

impl Metrics {
    /// Installs the recorder, once per process, and registers the counters that start at 0.
    ///
    /// # Errors
    ///
    /// Another recorder is installed.
    pub fn new(deliveries: Arc<Deliveries>) -> anyhow::Result<Self> {
        let process = metrics_process::Collector::new("chorus_");
        let handle = install()?;
        let (version, node) = (env!("CARGO_PKG_VERSION"), deliveries.node().to_string());
        gauge!("chorus_build_info", "version" => version, "commit" => env!("CHORUS_COMMIT"), "node" => node)
            .set(1.0);
        preregister();
        Ok(Self { handle, process, deliveries })
    }

    /// Folds in the waiting histogram samples, and ends the spans of late deliveries. To be called every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
        self.deliveries.settle();
    }

    /// All metrics in Prometheus' text format. It must be called on the node's runtime.
    #[must_use]
    pub fn render(&self, stats: &Stats, log: &dyn MessageLog) -> String {
        copy_stats(stats, log);
        copy_runtime_stats();
        self.process.collect();
        let (name, _, _, description) = DELIVERY;
        let deliveries = self.deliveries.render(name, description);
        self.handle.run_upkeep();
        self.handle.render() + &deliveries
    }
}

/// Copies the domain's counters and the log's use of its disk.
fn copy_stats(stats: &Stats, log: &dyn MessageLog) {
    counter!("chorus_messages_accepted_total").absolute(stats.accepted.get());
    counter!("chorus_messages_known_total").absolute(stats.known.get());
    counter!("chorus_gap_repairs_total").absolute(stats.gap_repairs.get());
    counter!("chorus_sweep_hits_total").absolute(stats.sweep_hits.get());
    counter!("chorus_resumes_total", "outcome" => "complete").absolute(stats.resumed.get());
    counter!("chorus_resumes_total", "outcome" => "incomplete").absolute(stats.incomplete.get());
    counter!("chorus_presence_news_total", "news" => "people").absolute(stats.members_sent.get());
    counter!("chorus_presence_news_total", "news" => "typing").absolute(stats.typing_sent.get());
    counter!("chorus_presence_dropped_total", "reason" => "session_full")
        .absolute(stats.presence_dropped.get());
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

fn copy_runtime_stats() {
    let runtime = tokio::runtime::Handle::current().metrics();
    let workers = runtime.num_workers();
    let busy: std::time::Duration =
        (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
    gauge!("chorus_runtime_workers").set(workers as f64);
    gauge!("chorus_runtime_tasks").set(runtime.num_alive_tasks() as f64);
    gauge!("chorus_runtime_queued_tasks").set(runtime.global_queue_depth() as f64);
    counter!("chorus_runtime_busy_seconds_total").absolute(busy.as_secs());
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{chat::model::Epoch, store::memory::MemoryLog};

    #[test]
    fn a_level_is_told_however_high_it_is() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (stats, handle) = (Stats::default(), recorder.handle());
        stats.tail_bytes.set(3_000_000_000);
        let log = MemoryLog::new(Epoch::from_random(1), [0; 32], mpsc::channel(1).0);
        metrics::with_local_recorder(&recorder, || copy_stats(&stats, &log));
        let text = handle.render();
        assert!(text.contains("\nchorus_tail_bytes 3000000000\n"), "{text}");
    }
}
