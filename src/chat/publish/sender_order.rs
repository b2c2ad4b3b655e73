//! One socket's order of posts across refusals and retries: pure.

use std::time::Duration;

use tokio::time::Instant;

use crate::chat::model::{Nonce, RoomName};

/// A post's number in the order in which its socket sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostIndex(u64);

/// Keeps later posts of a sender from overtaking one that was refused with a retryable error.
///
/// After such a refusal, later posts to that room are refused as well, and the refused ones are admitted in the order
/// in which they were first sent, whenever each returns. Posts that were sent *before* the first refused one may still
/// be in flight (a full queue refuses at its tail) and are admitted. A refused post is waited for no longer than
/// [`WAIT_MAX`](Self::WAIT_MAX): its client may have given it up, or know from an earlier try that it is stored.
#[derive(Debug, Default)]
pub struct SenderOrder {
    sent: u64,
    /// Sorted by index; bounded by [`REFUSED_MAX`](Self::REFUSED_MAX).
    refused: Vec<Refused>,
}

/// A post that is expected to return.
#[derive(Debug)]
struct Refused {
    /// The index of its first try.
    index: PostIndex,
    room: RoomName,
    nonce: Nonce,
    /// When it was last refused. Monotonic, since the node's wall clock may be set.
    at: Instant,
}

impl SenderOrder {
    /// Refused posts of one socket that are remembered, over all rooms. A further one may be overtaken: bounded memory
    /// counts for more than the order of a client that keeps sending after refusals.
    pub const REFUSED_MAX: usize = 1_024;

    /// How long later posts wait for a refused one, counted from its last refusal. Clients that intend to return do so
    /// after `retryAfterMs`.
    pub const WAIT_MAX: Duration = Duration::from_secs(60);

    /// Numbers a post as it is read from the socket.
    pub fn number(&mut self) -> PostIndex {
        self.sent += 1;
        PostIndex(self.sent)
    }

    /// Admits a post and returns its index, which for a retry is that of its first try; `None` if another post must
    /// return first.
    pub fn admits(
        &mut self,
        index: PostIndex,
        room: &RoomName,
        nonce: &Nonce,
        now: Instant,
    ) -> Option<PostIndex> {
        self.refused.retain(|refused| now.saturating_duration_since(refused.at) <= Self::WAIT_MAX);
        let first = self.refused.iter().position(|refused| refused.room == *room);
        let Some(first) = first.filter(|first| self.refused[*first].index < index) else {
            return Some(index);
        };
        (self.refused[first].nonce == *nonce).then(|| self.refused.remove(first).index)
    }

    /// Records that a post was refused with a retryable error.
    pub fn refused(&mut self, index: PostIndex, room: &RoomName, nonce: &Nonce, now: Instant) {
        let is_same = |refused: &&mut Refused| refused.room == *room && refused.nonce == *nonce;
        if let Some(known) = self.refused.iter_mut().find(is_same) {
            known.index = known.index.min(index);
            known.at = now;
        } else if self.refused.len() < Self::REFUSED_MAX {
            self.refused.push(Refused { index, room: room.clone(), nonce: nonce.clone(), at: now });
        }
        self.refused.sort_by_key(|refused| refused.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends each nonce in turn; one with `!` before it is refused with a retryable error.
    /// Writes `.` for admitted, `x` for refused now, `-` for "retry that one first".
    fn trace(posts: &str) -> String {
        let (mut order, now) = (SenderOrder::default(), Instant::now());
        let room = RoomName::lobby();
        let step = |post: &str| {
            let index = order.number();
            let nonce: Nonce = post.trim_start_matches('!').parse().unwrap();
            match (order.admits(index, &room, &nonce, now), post.starts_with('!')) {
                (None, _) => {
                    order.refused(index, &room, &nonce, now);
                    "-"
                }
                (Some(_), false) => ".",
                (Some(first), true) => {
                    order.refused(first, &room, &nonce, now);
                    "x"
                }
            }
        };
        posts.split(' ').map(step).collect()
    }

    #[test]
    fn later_posts_wait_until_the_refused_one_returns() {
        assert_eq!(trace("a b c"), "...");
        assert_eq!(trace("a !b c d b c d"), ".x--...");
        assert_eq!(trace("!a b !a b a b"), "x-x-..");
    }

    #[test]
    fn what_was_refused_for_the_sake_of_another_is_waited_for_as_well() {
        assert_eq!(trace("!b c b d c d"), "x-.-..");
        assert_eq!(trace("!a b c a b !c d c d"), "x--..x-..");
    }

    #[test]
    fn a_post_that_is_sent_twice_is_waited_for_once() {
        assert_eq!(trace("!a a b"), "x..");
        assert_eq!(trace("!a b b a b c"), "x--...");
    }

    #[test]
    fn posts_before_the_refused_one_pass() {
        let (mut order, now) = (SenderOrder::default(), Instant::now());
        let room = RoomName::lobby();
        let [a, b, c]: [Nonce; 3] = ["a", "b", "c"].map(|n| n.parse().unwrap());
        let (first, second, third) = (order.number(), order.number(), order.number());
        order.refused(second, &room, &b, now);
        assert!(order.admits(first, &room, &a, now).is_some(), "it was sent before");
        assert_eq!(order.admits(third, &room, &c, now), None, "it was sent after");
        order.refused(first, &room, &a, now);
        let again = order.number();
        assert_eq!(order.admits(again, &room, &b, now), None, "of two refused, the first sent returns first");
        assert_eq!(order.admits(again, &room, &a, now), Some(first));
        assert_eq!(order.admits(again, &room, &b, now), Some(second));
        assert_eq!(order.admits(again, &room, &c, now), Some(again));
    }

    #[test]
    fn rooms_do_not_wait_for_each_other() {
        let (mut order, now) = (SenderOrder::default(), Instant::now());
        let nonce: Nonce = "a".parse().unwrap();
        let index = order.number();
        order.refused(index, &RoomName::lobby(), &nonce, now);
        let next = order.number();
        assert!(order.admits(next, &"other".parse().unwrap(), &"b".parse().unwrap(), now).is_some());
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut order, now) = (SenderOrder::default(), Instant::now());
        let nonce: Nonce = "a".parse().unwrap();
        for room in 0..SenderOrder::REFUSED_MAX * 2 {
            let index = order.number();
            order.refused(index, &format!("r{room}").parse().unwrap(), &nonce, now);
        }
        assert_eq!(order.refused.len(), SenderOrder::REFUSED_MAX);
    }

    #[test]
    fn a_post_that_never_returns_is_waited_for_so_long() {
        let (mut order, now) = (SenderOrder::default(), Instant::now());
        let room = RoomName::lobby();
        let [a, b]: [Nonce; 2] = ["a", "b"].map(|n| n.parse().unwrap());
        let (first, second) = (order.number(), order.number());
        order.refused(first, &room, &a, now);
        let last = now + Duration::from_millis(10);
        order.refused(first, &room, &a, last);
        let (still, late) =
            (last + SenderOrder::WAIT_MAX, last + SenderOrder::WAIT_MAX + Duration::from_millis(1));
        assert_eq!(order.admits(second, &room, &b, still), None);
        assert_eq!(order.admits(second, &room, &b, late), Some(second));
    }
}
