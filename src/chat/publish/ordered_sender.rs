//! A client's posts, stored in the order in which it sent them even across refusals and retries.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::{
    chat::{
        model::Author,
        ports::Receipt,
        publish::{
            post::{Post, PostError},
            sender::{Sender, may_share_batch},
            sender_order::{PostIndex, SenderOrder},
        },
    },
    sync::lock,
};

/// A [`Sender`] that refuses later posts until a refused one returns.
pub struct OrderedSender {
    sender: Sender,
    order: Arc<Mutex<SenderOrder>>,
}

impl OrderedSender {
    pub(in crate::chat) fn new(sender: Sender) -> Self {
        Self { sender, order: Arc::default() }
    }

    /// The order, shared with whoever reads the socket: it numbers the posts, and may have to refuse one.
    #[must_use]
    pub fn order(&self) -> Arc<Mutex<SenderOrder>> {
        self.order.clone()
    }

    /// Who posts.
    #[must_use]
    pub fn author(&self) -> &Author {
        self.sender.author()
    }

    /// Changes the name or colour of later posts; the user id stays.
    pub fn rename(&mut self, author: Author) {
        self.sender.rename(author);
    }

    /// Stores posts in batches as [`Sender::post`] does. A post that is refused with a retryable error holds back
    /// later ones, those of its own batch included.
    pub async fn post(&mut self, posts: Vec<(PostIndex, Post)>) -> Vec<Result<Receipt, PostError>> {
        let mut outcomes = Vec::with_capacity(posts.len());
        for batch in posts.chunk_by(|(_, before), (_, post)| may_share_batch(before, post)) {
            let mut admitted = Vec::with_capacity(batch.len());
            let mut indices = Vec::with_capacity(batch.len());
            for (index, post) in batch {
                let index = self.admit(*index, post).await;
                indices.push(index.as_ref().ok().copied());
                admitted.push(index.map(|_| ()));
            }
            let outcomes_of_batch = self.sender.append(batch.iter().map(|(_, post)| post), admitted).await;
            for ((index, (_, post)), outcome) in indices.into_iter().zip(batch).zip(&outcomes_of_batch) {
                // A post that was not admitted is noted already, and may have returned and been stored since.
                if let (Some(index), Err(error)) = (index, outcome)
                    && error.is_retryable()
                {
                    self.note_refused(index, post);
                }
            }
            outcomes.extend(outcomes_of_batch);
        }
        outcomes
    }

    /// Checks the order, then what any sender checks. Returns the post's index: a retry has that of its first try.
    async fn admit(&mut self, index: PostIndex, post: &Post) -> Result<PostIndex, PostError> {
        let admitted = match &post.nonce {
            Some(nonce) => lock(&self.order).admits(index, &post.room, nonce, Instant::now()),
            None => Some(index),
        };
        let Some(index) = admitted else {
            self.note_refused(index, post);
            return Err(PostError::RetryFirst);
        };
        let verdict = self.sender.admit(post).await;
        if verdict.as_ref().is_err_and(PostError::is_retryable) {
            self.note_refused(index, post);
        }
        verdict.map(|()| index)
    }

    /// Holds back later posts until this one returns. One without a nonce cannot be recognised when it does.
    fn note_refused(&self, index: PostIndex, post: &Post) {
        if let Some(nonce) = &post.nonce {
            lock(&self.order).refused(index, &post.room, nonce, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        chat::{
            model::{Epoch, RoomName, UnixMs},
            ports::Clock,
            publish::{appender::Appender, post::PostBody},
            testing::draft,
        },
        store::memory::MemoryLog,
    };

    /// A clock that is set by hand.
    #[derive(Default)]
    struct SetClock(AtomicU64);

    impl Clock for SetClock {
        fn now(&self) -> UnixMs {
            UnixMs(self.0.load(Ordering::Relaxed))
        }
    }

    fn post(nonce: &str) -> Post {
        let body = PostBody::new(None, None, "hello", 100).unwrap();
        Post { room: RoomName::lobby(), nonce: Some(nonce.parse().unwrap()), body, trace: None }
    }

    /// A sender of one author, whose log is empty.
    fn sender(clock: Arc<SetClock>, per_second: u32) -> OrderedSender {
        let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [0; 32], mpsc::channel(1).0));
        let appender = Appender::new(log, clock, "n1".parse().unwrap(), Arc::default());
        OrderedSender::new(Sender::new(Arc::new(appender), draft("lobby", "x").author, per_second))
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_forward_lets_no_post_overtake_a_refused_one() {
        let clock = Arc::new(SetClock::default());
        let mut sender = sender(clock.clone(), 1);
        let order = sender.order();
        let numbered = |nonce| vec![(lock(&order).number(), post(nonce))];

        assert!(sender.post(numbered("a")).await[0].is_ok());
        let refused = sender.post(numbered("b")).await.remove(0);
        assert_eq!(refused, Err(PostError::RateLimited { retry_after_ms: 1_000 }));
        clock.0.store(86_400_000, Ordering::Relaxed);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sender.post(numbered("c")).await[0], Err(PostError::RetryFirst));
        assert!(sender.post(numbered("b")).await[0].is_ok());

        clock.0.store(2 * 86_400_000, Ordering::Relaxed);
        assert!(sender.post(numbered("c")).await[0].is_err(), "no clock that can be set refills its bucket");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sender.post(numbered("c")).await[0].is_ok(), "it was refused for the sake of `b`");
        assert!(sender.post(numbered("d")).await[0].is_err());
        tokio::time::advance(SenderOrder::WAIT_MAX + Duration::from_millis(1)).await;
        clock.0.store(3 * 86_400_000, Ordering::Relaxed);
        assert!(
            sender.post(numbered("e")).await[0].is_ok(),
            "a minute has passed, by no clock that can be set"
        );
    }
    #[tokio::test(start_paused = true)]
    async fn a_refused_post_that_returns_twice_in_one_batch_is_not_waited_for_once_it_is_stored() {
        let mut sender = sender(Arc::default(), 2);
        let order = sender.order();
        let numbered = |nonces: &[&str]| -> Vec<_> {
            nonces.iter().map(|nonce| (lock(&order).number(), post(nonce))).collect()
        };

        let outcomes = sender.post(numbered(&["x", "y", "a"])).await;
        assert_eq!(outcomes[2], Err(PostError::RateLimited { retry_after_ms: 500 }));
        tokio::time::advance(Duration::from_secs(1)).await;
        let outcomes = sender.post(numbered(&["b", "a", "b"])).await;
        assert_eq!(outcomes[0], Err(PostError::RetryFirst), "`a` was refused before it");
        assert!(outcomes[1].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sender.post(numbered(&["c"])).await[0].is_ok(), "nothing is missing any more");
    }
}
