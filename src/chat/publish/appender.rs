//! Stores posts: checks amendments against the log, makes drafts of the posts and counts the outcomes.

use std::sync::Arc;

use crate::chat::{
    model::{Author, Draft, NodeId, UserId},
    ports::{AppendError, Appended, Clock, MessageLog, ReadError, Receipt},
    publish::post::{Post, PostError},
    stats::Stats,
};

/// Stores posts in the log, for senders and for single requests.
pub struct Appender {
    log: Arc<dyn MessageLog>,
    clock: Arc<dyn Clock>,
    node: NodeId,
    stats: Arc<Stats>,
}

impl Appender {
    /// The appender of one node.
    #[must_use]
    pub fn new(log: Arc<dyn MessageLog>, clock: Arc<dyn Clock>, node: NodeId, stats: Arc<Stats>) -> Self {
        Self { log, clock, node, stats }
    }

    /// The log that it appends to.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn MessageLog> {
        &self.log
    }

    /// The clock that dates messages.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// This node's name.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// Checks that an amendment's target exists and that its author may amend it. For an ordinary message it reads
    /// nothing.
    ///
    /// A retry may come when its target has been pruned since the first try was stored and its ack lost. Its nonce is
    /// then recorded, and it passes, to be answered as known.
    pub(super) async fn check(&self, author: &UserId, post: &Post) -> Result<(), PostError> {
        let Some(target) = post.body.target() else { return Ok(()) };
        let unreadable = |error: ReadError| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the target of an amendment cannot be read"
            );
            PostError::Unavailable
        };
        let found = self.log.read(&post.room, target.previous(), 1).await.map_err(unreadable)?;
        let verdict = post.body.check(author, found.first().map(Arc::as_ref));
        if let (Err(PostError::NoSuchMessage), Some(nonce)) = (&verdict, &post.nonce)
            && self.log.contains_nonce(&post.room, author, nonce).await.map_err(unreadable)?
        {
            return Ok(());
        }
        verdict
    }

    /// Stores one message that is part of no sender's order.
    ///
    /// # Errors
    ///
    /// [`PostError`] says whether the same post may succeed later.
    pub(in crate::chat) async fn post(&self, author: &Author, post: Post) -> Result<Receipt, PostError> {
        let verdict = self.check(&author.id, &post).await;
        let outcomes = self.append(author, [&post], vec![verdict]).await;
        outcomes.into_iter().next().expect("each post has an outcome")
    }

    /// Stores those of the posts that were admitted, as one batch, and returns the outcome of each post in its order.
    /// A failure of the log is the outcome of all that were admitted.
    pub(super) async fn append<'p>(
        &self,
        author: &Author,
        posts: impl IntoIterator<Item = &'p Post> + Send,
        admitted: Vec<Result<(), PostError>>,
    ) -> Vec<Result<Receipt, PostError>> {
        let admitted_posts = posts.into_iter().zip(&admitted).filter(|(_, verdict)| verdict.is_ok());
        let batch: Vec<_> = admitted_posts.map(|(post, _)| self.draft(author, post.clone())).collect();
        let mut stored = self.append_batch(batch).await.into_iter();
        let outcome = |verdict: Result<(), PostError>| {
            verdict?;
            stored.next().expect("a log answers for each draft")
        };
        admitted.into_iter().map(outcome).collect()
    }

    async fn append_batch(&self, batch: Vec<Draft>) -> Vec<Result<Receipt, PostError>> {
        let count = batch.len();
        if count == 0 {
            return Vec::new();
        }
        match self.log.append(batch).await {
            Ok(outcomes) => outcomes.into_iter().map(|outcome| self.receipt(outcome)).collect(),
            Err(error) => {
                if !matches!(error, AppendError::Busy) {
                    tracing::warn!(error = &error as &dyn std::error::Error, "messages were not stored");
                }
                vec![Err(PostError::from(&error)); count]
            }
        }
    }

    fn receipt(&self, appended: Appended) -> Result<Receipt, PostError> {
        match appended {
            Appended::Stored(receipt) => {
                self.stats.accepted.add(1);
                Ok(receipt)
            }
            Appended::Known(receipt) => {
                self.stats.known.add(1);
                Ok(receipt)
            }
            Appended::Conflict => Err(PostError::NonceConflict),
        }
    }

    fn draft(&self, author: &Author, post: Post) -> Draft {
        let Post { room, nonce, body, trace } = post;
        let (kind, target, text) = body.into_parts();
        let (author, node, at) = (author.clone(), self.node.clone(), self.clock.now());
        Draft { room, kind, target, author, nonce, text, at, node, trace }
    }
}
