//! A client's posts, stored in the order in which it sent them.

use std::sync::Arc;

use tokio::time::Instant;

use crate::chat::{
    model::Author,
    ports::Receipt,
    publish::{
        appender::Appender,
        post::{Post, PostBody, PostError},
        rate_limit::RateLimit,
    },
};

/// Stores one author's posts in their order. After a refusal it goes on with the next one: it is for clients that may
/// never send the refused one again. Where they will, use an [`OrderedSender`](super::ordered_sender::OrderedSender).
pub struct Sender {
    appender: Arc<Appender>,
    author: Author,
    rate: RateLimit,
}

impl Sender {
    pub(in crate::chat) fn new(appender: Arc<Appender>, author: Author, per_second: u32) -> Self {
        Self { appender, author, rate: RateLimit::new(per_second, Instant::now()) }
    }

    /// Who posts.
    #[must_use]
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Changes the name or colour of later posts; the user id stays.
    pub fn rename(&mut self, author: Author) {
        self.author = author;
    }

    /// Stores posts and returns the outcome of each, in their order.
    ///
    /// They are one batch in the log: if it fails, all of them are refused, and none overtakes another. An amendment
    /// that may refer to a message of the same batch begins another one.
    pub async fn post(&mut self, posts: Vec<Post>) -> Vec<Result<Receipt, PostError>> {
        let mut outcomes = Vec::with_capacity(posts.len());
        for batch in posts.chunk_by(may_share_batch) {
            let mut admitted = Vec::with_capacity(batch.len());
            for post in batch {
                admitted.push(self.admit(post).await);
            }
            outcomes.append(&mut self.append(batch, admitted).await);
        }
        outcomes
    }

    /// Checks the rate limit and, for an amendment, its target.
    pub(super) async fn admit(&mut self, post: &Post) -> Result<(), PostError> {
        match self.rate.take(Instant::now()) {
            Ok(()) => self.appender.check(&self.author.id, post).await,
            Err(retry_after_ms) => Err(PostError::RateLimited { retry_after_ms }),
        }
    }

    pub(super) async fn append<'p>(
        &self,
        batch: impl IntoIterator<Item = &'p Post> + Send,
        admitted: Vec<Result<(), PostError>>,
    ) -> Vec<Result<Receipt, PostError>> {
        self.appender.append(&self.author, batch, admitted).await
    }
}

/// Whether two posts in a row may be stored together: an amendment may refer to the message before it, which must
/// have its seq by then.
pub(super) fn may_share_batch(before: &Post, post: &Post) -> bool {
    !matches!((&before.body, &post.body), (PostBody::Text(_), PostBody::Amend { .. }))
}
