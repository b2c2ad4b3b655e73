//! One socket's order of posts, also across refusals and retries: pure.

use std::collections::HashMap;

use super::types::{Nonce, RoomName};

/// A post's number in the order in which its socket sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostIndex(u64);

/// Keeps a sender's later posts from overtaking one that was refused for a
/// reason that passes.
///
/// After such a refusal, later posts to that room are refused as well, until
/// the refused nonce returns. Posts sent *before* the refused one may still be on their
/// way (a full queue refuses at its tail) and pass.
#[derive(Debug, Default)]
pub struct SenderOrder {
    sent: u64,
    /// A room a socket posts to; bounded by [`ROOMS_MAX`](Self::ROOMS_MAX).
    waits_for: HashMap<RoomName, (PostIndex, Nonce)>,
}

impl SenderOrder {
    /// Rooms of one socket that wait for a nonce. One more is not guarded: the oldest promise
    /// kept for so many rooms is worth less than bounded memory.
    pub const ROOMS_MAX: usize = 128;

    /// Numbers a post as it is read from the socket.
    pub fn number(&mut self) -> PostIndex {
        self.sent += 1;
        PostIndex(self.sent)
    }

    /// Whether this post may go on; the awaited nonce ends the wait.
    pub fn admits(&mut self, index: PostIndex, room: &RoomName, nonce: &Nonce) -> bool {
        match self.waits_for.get(room) {
            Some((refused, awaited)) if *refused < index => {
                let returned = awaited == nonce;
                if returned {
                    self.waits_for.remove(room);
                }
                returned
            }
            _ => true,
        }
    }

    /// Notes that this post was refused for a reason that passes. Of several the first sent counts.
    pub fn refused(&mut self, index: PostIndex, room: &RoomName, nonce: &Nonce) {
        let earlier = self.waits_for.get(room).is_some_and(|(first, _)| *first < index);
        let known = self.waits_for.contains_key(room);
        if !earlier && (known || self.waits_for.len() < Self::ROOMS_MAX) {
            self.waits_for.insert(room.clone(), (index, nonce.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends each nonce in turn; `!` before it refuses it for a reason that passes.
    /// Writes `.` for admitted, `x` for refused now, `-` for "retry that one first".
    fn trace(posts: &str) -> String {
        let mut order = SenderOrder::default();
        let room = RoomName::lobby();
        let step = |post: &str| {
            let index = order.number();
            let nonce: Nonce = post.trim_start_matches('!').parse().unwrap();
            match (order.admits(index, &room, &nonce), post.starts_with('!')) {
                (false, _) => "-",
                (true, false) => ".",
                (true, true) => {
                    order.refused(index, &room, &nonce);
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
    fn posts_before_the_refused_one_pass() {
        let mut order = SenderOrder::default();
        let room = RoomName::lobby();
        let [a, b, c]: [Nonce; 3] = ["a", "b", "c"].map(|n| n.parse().unwrap());
        let (first, second, third) = (order.number(), order.number(), order.number());
        order.refused(second, &room, &b);
        assert!(order.admits(first, &room, &a), "it was sent before");
        assert!(!order.admits(third, &room, &c), "it was sent after");
        order.refused(first, &room, &a);
        let again = order.number();
        assert!(!order.admits(again, &room, &b), "of two refused, the first sent returns first");
        assert!(order.admits(again, &room, &a));
        assert!(order.admits(again, &room, &b));
    }

    #[test]
    fn rooms_do_not_wait_for_each_other() {
        let mut order = SenderOrder::default();
        let nonce: Nonce = "a".parse().unwrap();
        let index = order.number();
        order.refused(index, &RoomName::lobby(), &nonce);
        let next = order.number();
        assert!(order.admits(next, &"other".parse().unwrap(), &"b".parse().unwrap()));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut order = SenderOrder::default();
        let nonce: Nonce = "a".parse().unwrap();
        for room in 0..SenderOrder::ROOMS_MAX * 2 {
            let index = order.number();
            order.refused(index, &format!("r{room}").parse().unwrap(), &nonce);
        }
        assert_eq!(order.waits_for.len(), SenderOrder::ROOMS_MAX);
    }
}
