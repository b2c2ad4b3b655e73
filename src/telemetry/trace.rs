//! The spans of a sampled message, from its receipt to its last emit on every node.
//!
//! ```text
//! post             its receipt to its ack, on the node that took it
//! ├── queue        what it waited for its socket's earlier requests
//! ├── append       the log's queue, its lock and the commit
//! ├── commit       the transaction, with all that shared it
//! ├── ack          what the ack waited for room on the socket
//! ├── deliver      its first showing to its last emit, here
//! └── publish      to Redis
//!     └── deliver  the same on each other node
//! ```
//!
//! Spans are made when they have ended, out of plain values that go along with
//! the message; a message that is not sampled carries nothing and costs a look at that.

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

/// The longest that a drain waits for the last spans.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Opens the way to the collector, if one is set; to be called on the runtime that the node runs on.
///
/// # Errors
///
/// The endpoint cannot be used. One where nobody listens is no error.
pub fn install(settings: &config::Telemetry, node: &NodeId) -> anyhow::Result<()> {
    Pipeline::install(settings, node)
}

/// Sends the last spans; it takes two seconds at most, and half of `left`.
pub async fn close(left: Duration) {
    let Some(pipeline) = otlp::pipeline() else { return };
    // Without an answer there is nothing more to be done.
    let _ = tokio::task::spawn_blocking(move || pipeline.close(CLOSE_MAX.min(left / 2))).await;
}

/// A sampled message's first span, while it lasts.
pub struct PostTrace {
    context: TraceContext,
    /// The span of whoever sent it.
    parent: SpanId,
    since: Instant,
    /// When the log has answered.
    answered: Option<Instant>,
}

impl PostTrace {
    /// Begins a trace, or goes on with the one that the header `traceparent` names, if it is sampled.
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

    /// What the message takes along.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Its socket's task has come to it.
    pub fn taken(&self) {
        child(self.context, "queue", self.since.elapsed(), &[]);
    }

    /// The log has answered.
    pub fn answered(&mut self) {
        self.answered = Some(Instant::now());
    }

    /// It is acked, or refused with a code; `seq` is its place.
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

    /// What log lines about these messages are written in, so that they carry the first sampled one's ids.
    pub fn log_span<'a>(roots: impl IntoIterator<Item = &'a Option<Self>>) -> tracing::Span {
        let Some(root) = roots.into_iter().flatten().next() else { return tracing::Span::none() };
        let trace_id = TraceId::from_bytes(root.context.trace_id);
        let span_id = SpanId::from_bytes(root.context.span_id);
        // As an error, so that no filter that lets a line pass takes its span away.
        tracing::error_span!("post", %trace_id, %span_id)
    }
}

/// The one header that is read.
struct Header<'a>(&'a str);

impl Extractor for Header<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// A batch's way to Redis.
pub struct Publish {
    since: Instant,
    /// Each sampled message's span, and its parent.
    spans: Vec<(TraceContext, SpanId)>,
}

impl Publish {
    /// It begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self { since: Instant::now(), spans: Vec::new() }
    }

    /// Gives each sampled message of a batch a span of its own, under which it goes on.
    pub fn carry<'a>(&mut self, batch: &'a [Arc<Message>]) -> Cow<'a, [Arc<Message>]> {
        if batch.iter().all(|message| message.draft.trace.is_none()) {
            return Cow::Borrowed(batch);
        }
        let mut carried = batch.to_vec();
        for message in &mut carried {
            let Some(trace) = message.draft.trace else { continue };
            let span_id = RandomIdGenerator::default().new_span_id();
            let own = TraceContext { span_id: span_id.to_bytes(), ..trace };
            self.spans.push((own, SpanId::from_bytes(trace.span_id)));
            Arc::make_mut(message).draft.trace = Some(own);
        }
        Cow::Owned(carried)
    }

    /// Redis has answered.
    pub fn end(self) {
        let (kind, lasted) = (SpanKind::Producer, self.since.elapsed());
        for (own, parent) in self.spans {
            let span = Span { name: "publish", kind: kind.clone(), own, parent, remote: false, lasted };
            span.send(Vec::new());
        }
    }
}

/// The sampled ones among these.
#[must_use]
pub fn sampled<'a>(drafts: impl IntoIterator<Item = &'a Draft>) -> Vec<TraceContext> {
    drafts.into_iter().filter_map(|draft| draft.trace).collect()
}

/// A span that ends now and lasted so long, in the middle of a sampled message's trace.
pub fn child(parent: TraceContext, name: &'static str, lasted: Duration, numbers: &[(&'static str, u64)]) {
    let attributes = numbers.iter().map(|(key, value)| number(key, *value)).collect();
    under(parent, name, SpanKind::Internal, false, lasted).send(attributes);
}

/// A message was emitted to those who are in its room on this node, over so long until a moment ago.
pub(super) fn delivered(
    parent: TraceContext,
    remote: bool,
    (began, ended): (Instant, Instant),
    numbers: &[(&'static str, u64)],
) {
    let Some(pipeline) = otlp::pipeline() else { return };
    let attributes = numbers.iter().map(|(key, value)| number(key, *value)).collect();
    let span = under(parent, "deliver", SpanKind::Consumer, remote, ended - began);
    pipeline.send(span.data(pipeline, opentelemetry::time::now() - ended.elapsed(), attributes));
}

fn under(parent: TraceContext, name: &'static str, kind: SpanKind, remote: bool, lasted: Duration) -> Span {
    let span_id = RandomIdGenerator::default().new_span_id().to_bytes();
    let own = TraceContext { span_id, ..parent };
    Span { name, kind, own, parent: SpanId::from_bytes(parent.span_id), remote, lasted }
}

fn number(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

/// A span that has ended.
struct Span {
    name: &'static str,
    kind: SpanKind,
    own: TraceContext,
    parent: SpanId,
    /// The parent is another process's.
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
