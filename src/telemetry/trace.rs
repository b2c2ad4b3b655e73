//! The spans of a sampled message, from its receipt to its last emit on every node.
//!
//! ```text
//! post             from receipt to ack, on the node that received it
//! ├── queue        waiting for the socket's earlier requests
//! ├── append       the log's queue, its lock and the commit
//! ├── commit       the transaction, which the message shares with others
//! ├── ack          waiting until the socket accepts the ack
//! ├── deliver      from release in the room to the last emit, on this node
//! └── publish      to Redis
//!     └── deliver  the same on each other node
//! ```
//!
//! A span is created when it ends, from values that travel with the message. Messages that are not sampled carry none.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, SpanKind, Status, TraceContextExt as _, TraceState},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks},
};

use crate::{
    chat::model::{Draft, Message, NodeId, TraceContext},
    config,
    telemetry::otlp::{self, Pipeline},
};

/// How long a drain waits at most for the last spans.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Starts exporting spans if `telemetry.otlp_endpoint` is set. It must be called on the node's runtime.
///
/// # Errors
///
/// The endpoint is not a valid URL. A collector that is down is no error.
pub fn install(settings: &config::Telemetry, node: &NodeId) -> anyhow::Result<()> {
    Pipeline::install(settings, node)
}

/// Exports the last spans. It takes at most two seconds, and at most half of `left`.
pub async fn close(left: Duration) {
    let Some(pipeline) = otlp::pipeline() else { return };
    // If the thread fails, the spans are lost.
    let _ = tokio::task::spawn_blocking(move || pipeline.close(CLOSE_MAX.min(left / 2))).await;
}

/// The `post` span of a sampled message, from its receipt to its ack.
pub struct PostTrace {
    context: TraceContext,
    /// The client's span.
    parent: SpanId,
    since: Instant,
    /// When the log answered.
    answered: Option<Instant>,
}

impl PostTrace {
    /// Begins a trace, or continues that of the header `traceparent`; `None` if it is not sampled.
    #[must_use]
    pub fn receive(traceparent: Option<&str>) -> Option<Self> {
        let pipeline = otlp::pipeline()?;
        let ids = RandomIdGenerator::default();
        let remote = traceparent.map(|header| {
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Header(header))
        });
        let remote = remote.filter(|remote| remote.span().span_context().is_valid());
        let (trace_id, parent) = match &remote {
            Some(remote) => (remote.span().span_context().trace_id(), remote.span().span_context().span_id()),
            None => (ids.new_trace_id(), SpanId::INVALID),
        };
        if !pipeline.samples(remote.as_ref(), trace_id) {
            return None;
        }
        let context = TraceContext { trace_id: trace_id.to_bytes(), span_id: ids.new_span_id().to_bytes() };
        Some(Self { context, parent, since: Instant::now(), answered: None })
    }

    /// The ids that travel with the message.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Records that the socket's task has taken the message from its queue.
    pub fn taken(&self) {
        child(self.context, "queue", self.since.elapsed(), &[]);
    }

    /// Records that the log has answered.
    pub fn answered(&mut self) {
        self.answered = Some(Instant::now());
    }

    /// Ends the span with the message's seq, or with the error code of its refusal.
    pub fn end(self, outcome: Result<u64, &'static str>) {
        if let Some(answered) = self.answered {
            child(self.context, "ack", answered.elapsed(), &[]);
        }
        let attribute = match outcome {
            Ok(seq) => number("chorus.seq", seq),
            Err(code) => KeyValue::new("chorus.refused", code),
        };
        let (parent, lasted) = (self.parent, self.since.elapsed());
        let kind = SpanKind::Server;
        Span { name: "post", kind, own: self.context, parent, remote: true, lasted }.send(vec![attribute]);
    }

    /// A span for log lines about these messages, which gives them the ids of the first sampled one.
    pub fn log_span<'a>(traces: impl IntoIterator<Item = &'a Option<Self>>) -> tracing::Span {
        let Some(trace) = traces.into_iter().flatten().next() else { return tracing::Span::none() };
        let trace_id = TraceId::from_bytes(trace.context.trace_id);
        let span_id = SpanId::from_bytes(trace.context.span_id);
        // At level error, so that any filter that passes a line passes the span, too.
        tracing::error_span!("post", %trace_id, %span_id)
    }
}

/// The `traceparent` header.
struct Header<'a>(&'a str);

impl Extractor for Header<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// The `publish` spans of a pipeline to Redis.
pub struct PublishTrace {
    since: Instant,
    /// Each sampled message's `publish` span and its parent.
    spans: Vec<(TraceContext, SpanId)>,
}

impl PublishTrace {
    /// Starts the spans' time.
    #[must_use]
    pub fn begin() -> Self {
        Self { since: Instant::now(), spans: Vec::new() }
    }

    /// Gives each sampled message of a batch a span, which becomes the parent of its spans on other nodes.
    pub fn fork<'a>(&mut self, batch: &'a [Arc<Message>]) -> Cow<'a, [Arc<Message>]> {
        if batch.iter().all(|message| message.draft.trace.is_none()) {
            return Cow::Borrowed(batch);
        }
        let mut forked = batch.to_vec();
        for message in &mut forked {
            let Some(trace) = message.draft.trace else { continue };
            let span_id = RandomIdGenerator::default().new_span_id();
            let own = TraceContext { span_id: span_id.to_bytes(), ..trace };
            self.spans.push((own, SpanId::from_bytes(trace.span_id)));
            Arc::make_mut(message).draft.trace = Some(own);
        }
        Cow::Owned(forked)
    }

    /// Ends the spans: Redis has responded.
    pub fn end(self) {
        let (kind, lasted) = (SpanKind::Producer, self.since.elapsed());
        for (own, parent) in self.spans {
            let span = Span { name: "publish", kind: kind.clone(), own, parent, remote: false, lasted };
            span.send(Vec::new());
        }
    }
}

/// The traces of the sampled drafts.
#[must_use]
pub fn sampled<'a>(drafts: impl IntoIterator<Item = &'a Draft>) -> Vec<TraceContext> {
    drafts.into_iter().filter_map(|draft| draft.trace).collect()
}

/// Records a span below `parent` that ends now.
pub fn child(parent: TraceContext, name: &'static str, lasted: Duration, numbers: &[(&'static str, u64)]) {
    let attributes = numbers.iter().map(|(key, value)| number(key, *value)).collect();
    child_span(parent, name, SpanKind::Internal, false, lasted).send(attributes);
}

/// Records that a message was emitted to its room's members on this node, from `began` to `ended`.
pub(super) fn delivered(
    parent: TraceContext,
    remote: bool,
    (began, ended): (Instant, Instant),
    numbers: &[(&'static str, u64)],
) {
    let Some(pipeline) = otlp::pipeline() else { return };
    let attributes = numbers.iter().map(|(key, value)| number(key, *value)).collect();
    let span = child_span(parent, "deliver", SpanKind::Consumer, remote, ended - began);
    pipeline.send(span.data(pipeline, opentelemetry::time::now() - ended.elapsed(), attributes));
}

fn child_span(
    parent: TraceContext,
    name: &'static str,
    kind: SpanKind,
    remote: bool,
    lasted: Duration,
) -> Span {
    let span_id = RandomIdGenerator::default().new_span_id().to_bytes();
    let own = TraceContext { span_id, ..parent };
    Span { name, kind, own, parent: SpanId::from_bytes(parent.span_id), remote, lasted }
}

fn number(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

/// A finished span.
struct Span {
    name: &'static str,
    kind: SpanKind,
    own: TraceContext,
    parent: SpanId,
    /// The parent belongs to another process.
    remote: bool,
    lasted: Duration,
}

impl Span {
    fn send(self, attributes: Vec<KeyValue>) {
        if let Some(pipeline) = otlp::pipeline() {
            pipeline.send(self.data(pipeline, opentelemetry::time::now(), attributes));
        }
    }

    fn data(
        self,
        pipeline: &Pipeline,
        end_time: std::time::SystemTime,
        attributes: Vec<KeyValue>,
    ) -> SpanData {
        let trace_id = TraceId::from_bytes(self.own.trace_id);
        let span_id = SpanId::from_bytes(self.own.span_id);
        let state = TraceState::default();
        SpanData {
            span_context: SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state),
            parent_span_id: self.parent,
            parent_span_is_remote: self.remote && self.parent != SpanId::INVALID,
            span_kind: self.kind,
            name: self.name.into(),
            start_time: end_time - self.lasted,
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: pipeline.scope.clone(),
        }
    }
}
