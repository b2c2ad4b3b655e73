//! Finished spans on their way to a collector, over OTLP and gRPC.
//!
//! The node never waits for it: a bounded queue drops what does not fit, and a
//! thread of its own sends what waits. A collector that is down costs spans.

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

/// Finished spans that wait to be sent; the next one is dropped.
const SPANS_MAX: usize = 4_096;
/// Spans of one request.
const BATCH_MAX: usize = 512;
/// Pause between two requests while fewer wait.
const BATCH_PAUSE: Duration = Duration::from_secs(1);
/// How long a collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

static PIPELINE: OnceLock<Pipeline> = OnceLock::new();

/// The one way out of this process; `None` while tracing is off.
pub(super) fn pipeline() -> Option<&'static Pipeline> {
    PIPELINE.get()
}

/// Where spans go.
pub(super) struct Pipeline {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    pub(super) scope: InstrumentationScope,
}

impl Pipeline {
    /// Opens it, if an endpoint is set; once a process. It does not wait for the collector.
    ///
    /// # Errors
    ///
    /// The endpoint cannot be used.
    pub(super) fn install(settings: &config::Telemetry, node: &NodeId) -> anyhow::Result<()> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(()) };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .context("telemetry.otlp_endpoint cannot be used")?;
        let queue = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(BATCH_PAUSE)
            .build();
        let exporter = Watched { exporter, failing: AtomicBool::new(false) };
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
        // Of two nodes of one process the first one's stands.
        let _ = PIPELINE.set(Self { processor, sampler, scope });
        Ok(())
    }

    /// Whether this trace is recorded: as its parent says, or a share of all.
    pub(super) fn samples(&self, parent: Option<&Context>, trace_id: TraceId) -> bool {
        let verdict = self.sampler.should_sample(parent, trace_id, "post", &SpanKind::Server, &[], &[]);
        verdict.decision == SamplingDecision::RecordAndSample
    }

    /// Hands on a finished span, or drops it.
    pub(super) fn send(&self, span: SpanData) {
        self.processor.on_end(span);
    }

    /// Sends what waits and takes no more. It blocks, no longer than `within`.
    pub(super) fn close(&self, within: Duration) {
        if let Err(error) = self.processor.shutdown_with_timeout(within) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last spans were not all sent");
        }
    }
}

/// An exporter whose failures are counted, and said once.
struct Watched<E> {
    exporter: E,
    failing: AtomicBool,
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl<E> Watched<E> {
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

impl<E: Export> Export for Watched<E> {
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
