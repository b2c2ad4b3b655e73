//! Exports finished spans to a collector over OTLP and gRPC.
//!
//! The node never waits for it: a thread of its own exports from a bounded queue, which drops the spans that do not fit.
//! While the collector is down, spans are lost.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{SpanKind, TraceId},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, ShouldSample as _, SpanData,
        SpanExporter as Export, SpanProcessor as _,
    },
};

use crate::{chat::model::NodeId, config, telemetry::metrics};

/// Finished spans that wait to be exported; further ones are dropped.
const SPANS_MAX: usize = 4_096;
/// Spans in one request.
const BATCH_MAX: usize = 512;
/// Pause between two requests while fewer spans wait.
const BATCH_PAUSE: Duration = Duration::from_secs(1);
/// How long a collector may take to respond.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

static PIPELINE: OnceLock<Pipeline> = OnceLock::new();

/// The process's pipeline; `None` if tracing is off.
pub(super) fn pipeline() -> Option<&'static Pipeline> {
    PIPELINE.get()
}

/// Samples traces and queues their spans for export.
pub(super) struct Pipeline {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    pub(super) scope: InstrumentationScope,
}

impl Pipeline {
    /// Installs the pipeline if an endpoint is set. It does not wait for the collector.
    pub(super) fn install(settings: &config::Telemetry, node: &NodeId) -> anyhow::Result<()> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(()) };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .context("telemetry.otlp_endpoint is not a valid URL; write it like http://HOST:4317")?;
        let queue = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(BATCH_PAUSE)
            .build();
        let exporter = WatchedExporter { exporter, failing: AtomicBool::new(false) };
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(queue).build();
        let attributes = [
            KeyValue::new("service.instance.id", node.to_string()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ];
        let resource = Resource::builder_empty().with_service_name("chorus").with_attributes(attributes);
        processor.set_resource(&resource.build());
        let ratio = Sampler::TraceIdRatioBased(settings.trace_sample_ratio);
        let sampler = Sampler::ParentBased(Box::new(ratio));
        let scope = InstrumentationScope::builder("chorus").build();
        // If a process has two nodes, the first one's pipeline serves both.
        let _ = PIPELINE.set(Self { processor, sampler, scope });
        Ok(())
    }

    /// Whether a trace is recorded: as its parent decides, or else by `telemetry.trace_sample_ratio`.
    pub(super) fn samples(&self, parent: Option<&Context>, trace_id: TraceId) -> bool {
        let verdict = self.sampler.should_sample(parent, trace_id, "post", &SpanKind::Server, &[], &[]);
        verdict.decision == SamplingDecision::RecordAndSample
    }

    /// Queues a finished span, or drops it.
    pub(super) fn send(&self, span: SpanData) {
        self.processor.on_end(span);
    }

    /// Exports the waiting spans and accepts no more. It blocks for at most `timeout`.
    pub(super) fn close(&self, timeout: Duration) {
        if let Err(error) = self.processor.shutdown_with_timeout(timeout) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "some spans could not be sent before the node stopped"
            );
        }
    }
}

/// Counts an exporter's successes and failures, and logs each change from one to the other.
struct WatchedExporter<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> fmt::Debug for WatchedExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatchedExporter")
    }
}

impl<E> WatchedExporter<E> {
    fn note(&self, count: usize, result: &OTelSdkResult) {
        metrics::trace_spans(if result.is_ok() { "exported" } else { "failed" }, count);
        let failed = result.is_err();
        if self.failing.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        match result {
            Ok(()) => tracing::info!("spans are sent again"),
            Err(error) => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "spans cannot be sent; until they can, they are dropped");
            }
        }
    }
}

impl<E: Export> Export for WatchedExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = self.exporter.export(batch).await;
        self.note(count, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> Result<(), OTelSdkError> {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
