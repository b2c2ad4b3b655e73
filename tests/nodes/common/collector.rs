//! A real OTLP receiver over gRPC, which records the spans that nodes export.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// A span, and the node that sent it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) node: String,
    pub(crate) span: Span,
}

impl Received {
    /// An integer attribute of the span.
    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        match value(&self.span.attributes, key)? {
            Value::IntValue(number) => Some(*number),
            other => panic!("{key} is {other:?}"),
        }
    }
}

/// Listens until it is dropped.
pub(crate) struct Collector {
    addr: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    server: JoinHandle<()>,
}

struct Receiver(Arc<Mutex<Vec<Received>>>);

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (addr, received) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let service = TraceServiceServer::new(Receiver(received.clone()));
        let serving = Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
        #[expect(clippy::disallowed_methods, reason = "a test has no task tracker")]
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Self { addr, received, server }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// All spans received so far.
    pub(crate) fn spans(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_node in request.into_inner().resource_spans {
            let attributes = of_node.resource.unwrap().attributes;
            let Some(Value::StringValue(node)) = value(&attributes, "service.instance.id") else {
                panic!("a span comes from a node: {attributes:?}");
            };
            let spans = of_node.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            let received = spans.map(|span| Received { node: node.clone(), span });
            self.0.lock().unwrap().extend(received);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}
