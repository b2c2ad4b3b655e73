//! One socket's posts: stored in the order in which it sent them.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::{
    ports::Receipt,
    post::{Post, PostError, Saying},
    rate_limit::RateLimit,
    sender_order::{PostIndex, SenderOrder},
    service::ChatService,
    types::{Author, Draft},
};
use crate::sync::lock;

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
        let rate = RateLimit::new(per_second, Instant::now());
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

    /// Later posts are said under another name or in another colour; it is the same user.
    pub fn rename(&mut self, author: Author) {
        self.author = author;
    }

    /// Stores a run of posts and says what became of each, in their order.
    ///
    /// The run is one unit in the log: if it fails, each of it is refused, and none overtakes another.
    /// An amendment begins another unit if it may be about a message of the one before it.
    pub async fn post(&mut self, posts: Vec<(PostIndex, Post)>) -> Vec<Result<Receipt, PostError>> {
        let mut outcomes = Vec::with_capacity(posts.len());
        let is_one_unit = |(_, before): &(_, Post), (_, post): &(_, Post)| {
            !matches!((&before.saying, &post.saying), (Saying::Text(_), Saying::Amendment { .. }))
        };
        for unit in posts.chunk_by(is_one_unit) {
            outcomes.append(&mut self.post_unit(unit).await);
        }
        outcomes
    }

    async fn post_unit(&mut self, posts: &[(PostIndex, Post)]) -> Vec<Result<Receipt, PostError>> {
        let mut admitted = Vec::with_capacity(posts.len());
        for (index, post) in posts {
            admitted.push(self.admit(*index, post).await);
        }
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

    /// Whether this post may go on, and its place in the socket's order. One that was refused for a reason
    /// that passes is waited for by later ones, those of its own unit as well.
    async fn admit(&mut self, index: PostIndex, post: &Post) -> Result<PostIndex, PostError> {
        let place = match (&self.order, &post.nonce) {
            (Some(order), Some(nonce)) => lock(order).admits(index, &post.room, nonce, Instant::now()),
            _ => Some(index),
        };
        let Some(place) = place else {
            self.refused(index, post);
            return Err(PostError::RetryFirst);
        };
        let admitted = match self.rate.take(Instant::now()) {
            Ok(()) => self.chat.check(&self.author.id, post).await,
            Err(retry_after_ms) => Err(PostError::RateLimited { retry_after_ms }),
        };
        admitted.map(|()| place).inspect_err(|error| {
            if error.passes() {
                self.refused(place, post);
            }
        })
    }

    /// Later posts wait for this one; one without a nonce cannot be waited for.
    fn refused(&self, place: PostIndex, post: &Post) {
        if let (Some(order), Some(nonce)) = (&self.order, &post.nonce) {
            lock(order).refused(place, &post.room, nonce, Instant::now());
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
    use tokio_util::{sync::CancellationToken, task::TaskTracker};

    use super::*;
    use crate::{
        chat::{
            cursor::TailLimit,
            hub::Hub,
            ports::Clock,
            post::Saying,
            service::Rules,
            stats::Stats,
            testing::draft,
            types::{Epoch, RoomName, UnixMs},
        },
        cluster::memory::MemoryCluster,
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
        let saying = Saying::new(None, None, "hello", 100).unwrap();
        Post { room: RoomName::lobby(), nonce: Some(nonce.parse().unwrap()), saying, trace: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_forward_lets_no_post_overtake_a_refused_one() {
        let (clock, stats) = (Arc::new(SetClock::default()), Arc::new(Stats::default()));
        let log = Arc::new(MemoryLog::new(Epoch::from_random(1), [0; 32], mpsc::channel(1).0));
        let (tail, stop) = (TailLimit { messages: 8, bytes: 1_000 }, CancellationToken::new());
        let bus = Arc::new(MemoryCluster::default().join(mpsc::channel(1).0));
        let hub = Hub::new(log.clone(), bus, stats.clone(), tail, TaskTracker::new(), stop);
        let rules = Rules { rooms_per_session: 1, messages_per_second: 1 };
        let node = "n1".parse().unwrap();
        let chat = ChatService::new(log, hub, clock.clone(), node, stats, rules);
        let mut sender = chat.sender(draft("lobby", "x").author, true);
        let order = sender.order().unwrap();
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
}
