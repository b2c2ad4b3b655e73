//! A socket's posts from parsing to their acks: both namespaces do the same steps and differ in the form of the ack.

use serde_json::{Value, json};
use socketioxide::extract::AckSender;
use tracing::Instrument as _;

use crate::{
    chat::{
        ports::Receipt,
        publish::{
            ordered_sender::OrderedSender,
            post::{Post, PostError},
            sender::Sender,
            sender_order::PostIndex,
        },
    },
    gateway::{
        protocol::{Refusal, response::receipt_json},
        socketio::responder::Responder,
    },
    telemetry::{metrics, trace::PostTrace},
};

/// How a namespace acknowledges a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckForm {
    /// `/chat`: `{"ok": {seq, at}}`, and every refusal with its reason.
    Receipt,
    /// `/`: no arguments. A retryable refusal is not acked at all, so that the client's own retry repeats the post.
    Empty,
}

/// Stores posts in their order; the outcomes are in the same order.
pub(super) trait StorePosts {
    fn store(
        &mut self,
        posts: Vec<(PostIndex, Post)>,
    ) -> impl Future<Output = Vec<Result<Receipt, PostError>>> + Send;
}

impl StorePosts for OrderedSender {
    async fn store(&mut self, posts: Vec<(PostIndex, Post)>) -> Vec<Result<Receipt, PostError>> {
        self.post(posts).await
    }
}

impl StorePosts for Sender {
    async fn store(&mut self, posts: Vec<(PostIndex, Post)>) -> Vec<Result<Receipt, PostError>> {
        self.post(posts.into_iter().map(|(_, post)| post).collect()).await
    }
}

/// Posts that are waiting to be stored as one batch, with the way to ack each.
pub(super) struct PendingPosts {
    form: AckForm,
    posts: Vec<(PostIndex, Post)>,
    acks: Vec<(AckSender, Option<PostTrace>)>,
}

impl PendingPosts {
    pub(super) fn new(form: AckForm) -> Self {
        Self { form, posts: Vec::new(), acks: Vec::new() }
    }

    /// Adds a post. `trace` is set if it is sampled.
    pub(super) fn push(
        &mut self,
        index: PostIndex,
        mut post: Post,
        ack: AckSender,
        trace: Option<PostTrace>,
    ) {
        if let Some(trace) = &trace {
            trace.taken();
            post.trace = Some(trace.context());
        }
        self.posts.push((index, post));
        self.acks.push((ack, trace));
    }

    /// Stores the posts and acks each, in their order. Afterwards none is pending.
    pub(super) async fn store(&mut self, sender: &mut (impl StorePosts + Send), responder: &mut Responder) {
        if self.posts.is_empty() {
            return;
        }
        let posts = std::mem::take(&mut self.posts);
        let mut acks = std::mem::take(&mut self.acks);
        let log_span = PostTrace::log_span(acks.iter().map(|(_, trace)| trace));
        let outcomes = sender.store(posts).instrument(log_span).await;
        acks.iter_mut().filter_map(|(_, trace)| trace.as_mut()).for_each(PostTrace::answered);
        for (outcome, (ack, trace)) in outcomes.into_iter().zip(acks) {
            let traced = self.acknowledge(outcome, ack, responder).await;
            if let Some(trace) = trace {
                trace.end(traced);
            }
        }
    }

    /// Acks one post; returns its seq or its error code, for its trace.
    async fn acknowledge(
        &self,
        outcome: Result<Receipt, PostError>,
        ack: AckSender,
        responder: &mut Responder,
    ) -> Result<u64, &'static str> {
        let error = match outcome {
            Ok(receipt) => {
                self.accept(receipt, ack, responder).await;
                return Ok(receipt.seq.0);
            }
            Err(error) => error,
        };
        let is_acked = self.form == AckForm::Receipt || !error.is_retryable();
        let refusal = Refusal::from(error);
        if is_acked {
            responder.refuse(ack, &refusal).await;
        } else {
            metrics::refused(refusal.code.as_str());
        }
        Err(refusal.code.as_str())
    }

    async fn accept(&self, receipt: Receipt, ack: AckSender, responder: &mut Responder) {
        match self.form {
            AckForm::Receipt => responder.send(ack, &json!({ "ok": receipt_json(receipt) })).await,
            // An empty array is an ack without arguments.
            AckForm::Empty => responder.send(ack, &[] as &[Value; 0]).await,
        }
    }
}
