//! Installs the process's metrics recorder.

use std::sync::OnceLock;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::telemetry::metrics::catalogue::{ALL, DELIVERY, Form};

/// From a commit on a fast disk to one that waits for a slow disk or another process.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
/// From a single message to a full batch.
const BATCH: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Installs the recorder, once per process, and returns its handle.
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
    // If two nodes of one process start at one time, one of them installs it.
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
        return Ok(HANDLE.get_or_init(|| handle).clone());
    }
    HANDLE.get().cloned().ok_or_else(|| anyhow::anyhow!("another metrics recorder is installed"))
}

fn describe() {
    for (name, form, _, description) in ALL {
        if *name == DELIVERY.0 {
            continue;
        }
        match form {
            Form::Counter => describe_counter!(*name, *description),
            Form::Gauge => describe_gauge!(*name, *description),
            Form::Histogram(unit) => describe_histogram!(*name, *unit, *description),
        }
    }
}
