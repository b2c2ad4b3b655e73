//! One socket's posts: stored in the order in which it sent them.

use std::sync::{Arc, Mutex};

use super::{
    hub::lock,
    ports::Receipt,
    rate_limit::RateLimit,
    sender_order::{PostIndex, SenderOrder},
    service::{ChatService, Post, PostError},
    types::{Author, Draft},
};

/// Who posts on one socket, and what of it waits for a retry.
pub struct Sender {
    chat: Arc<ChatService>,
    author: Author,
    /// Shared with whoever reads the socket, who numbers what it reads and may have to refuse it.
    order: Option<Arc<Mutex<SenderOrder>>>,
    rate: RateLimit,
}

impl Sender {
    pub(super) fn new(chat: Arc<ChatService>, author: Author, waits: bool, per_second: u32) -> Self {
        let rate = RateLimit::new(per_second, chat.clock().now());
        Self { chat, author, order: waits.then(Arc::default), rate }
    }

    /// The order across refusals, if this sender keeps it.
    #[must_use]
    pub fn order(&self) -> Option<Arc<Mutex<SenderOrder>>> {
        self.order.clone()
    }

    /// Whose posts these are.
    #[must_use]
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Stores a run of posts and says what became of each, in their order.
    ///
    /// The run is one unit in the log: if it fails, each of it is refused, and none overtakes another.
    pub async fn post(&mut self, posts: Vec<(PostIndex, Post)>) -> Vec<Result<Receipt, PostError>> {
        let admitted: Vec<_> = posts.iter().map(|(index, post)| self.admit(*index, post)).collect();
        let passing = posts.iter().zip(&admitted).filter(|(_, verdict)| verdict.is_ok());
        let drafts: Vec<Draft> =
            passing.map(|((_, post), _)| self.chat.draft(&self.author, post.clone())).collect();
        let count = drafts.len();
        let outcomes = match self.chat.append(drafts).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(error); count],
        };
        let mut outcomes = outcomes.into_iter();
        let settle = |((_, post), verdict): (&(_, Post), Result<PostIndex, PostError>)| {
            let place = verdict?;
            let outcome = outcomes.next().expect("a log answers for each draft");
            if outcome.as_ref().is_err_and(PostError::passes) {
                self.refused(place, post);
            }
            outcome
        };
        posts.iter().zip(admitted).map(settle).collect()
    }

    /// Whether this post may go on, and its place in the socket's order; if not, later ones wait for it.
    fn admit(&mut self, index: PostIndex, post: &Post) -> Result<PostIndex, PostError> {
        let now = self.chat.clock().now();
        let place = match (&self.order, &post.nonce) {
            (Some(order), Some(nonce)) => lock(order).admits(index, &post.room, nonce, now),
            _ => Some(index),
        };
        let Some(place) = place else {
            self.refused(index, post);
            return Err(PostError::RetryFirst);
        };
        self.rate.take(now).map_err(|retry_after_ms| {
            self.refused(place, post);
            PostError::RateLimited { retry_after_ms }
        })?;
        Ok(place)
    }

    /// Later posts wait for this one; one without a nonce cannot be waited for.
    fn refused(&self, place: PostIndex, post: &Post) {
        if let (Some(order), Some(nonce)) = (&self.order, &post.nonce) {
            lock(order).refused(place, &post.room, nonce, self.chat.clock().now());
        }
    }
}
