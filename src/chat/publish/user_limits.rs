//! Rate limits for users without a session, who post over HTTP: a bounded set of token buckets, pure.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::chat::{model::UserId, publish::rate_limit::RateLimit};

/// The buckets of users who have posted recently.
///
/// At most [`USERS_MAX`](Self::USERS_MAX). A bucket that is full again is dropped, which changes nothing; while none is,
/// a new user has to wait.
#[derive(Debug)]
pub struct UserLimits {
    per_second: u32,
    by_user: HashMap<UserId, RateLimit>,
    /// When to look for full buckets again; each time goes through all of them.
    prune_at: Instant,
}

impl UserLimits {
    /// Users whose buckets are kept.
    pub const USERS_MAX: usize = 10_000;

    /// A bucket that is not used for this long is full.
    const PRUNE_PAUSE: Duration = Duration::from_secs(1);

    /// No buckets; a `per_second` of 0 means no limit, and none is ever kept.
    #[must_use]
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, by_user: HashMap::new(), prune_at: now }
    }

    /// Takes one post of a user.
    ///
    /// # Errors
    ///
    /// The milliseconds until one may be available.
    pub fn take(&mut self, user: &UserId, now: Instant) -> Result<(), u64> {
        if self.per_second == 0 {
            return Ok(());
        }
        if let Some(limit) = self.by_user.get_mut(user) {
            return limit.take(now);
        }
        self.make_room(now)?;
        let mut limit = RateLimit::new(self.per_second, now);
        let taken = limit.take(now);
        self.by_user.insert(user.clone(), limit);
        taken
    }

    fn make_room(&mut self, now: Instant) -> Result<(), u64> {
        if self.by_user.len() < Self::USERS_MAX {
            return Ok(());
        }
        if self.prune_at <= now {
            self.by_user.retain(|_, limit| !limit.is_full(now));
            self.prune_at = now + Self::PRUNE_PAUSE;
        }
        if self.by_user.len() < Self::USERS_MAX {
            return Ok(());
        }
        let wait = self.prune_at.saturating_duration_since(now);
        Err(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: usize) -> UserId {
        format!("u{n}").parse().unwrap()
    }

    #[test]
    fn each_user_has_a_limit_of_their_own() {
        let now = Instant::now();
        let mut limits = UserLimits::new(1, now);
        assert_eq!(limits.take(&user(1), now), Ok(()));
        assert_eq!(limits.take(&user(1), now), Err(1_000));
        assert_eq!(limits.take(&user(2), now), Ok(()));
        assert_eq!(limits.take(&user(1), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn without_a_limit_nobody_is_kept() {
        let now = Instant::now();
        let mut limits = UserLimits::new(0, now);
        assert!((0..100).all(|_| limits.take(&user(1), now).is_ok()));
        assert!(limits.by_user.is_empty());
    }

    #[test]
    fn of_too_many_those_are_forgotten_who_may_post_as_before() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut limits = UserLimits::new(2, start);
        assert!((0..UserLimits::USERS_MAX).all(|n| limits.take(&user(n), start).is_ok()));
        // No bucket is full, and nobody posts without a bucket.
        assert_eq!(limits.take(&user(99_999), after(100)), Err(1_000));
        assert_eq!(limits.take(&user(99_999), after(600)), Err(500));
        // The empty bucket is kept; the others are full again.
        assert_eq!([900, 900].map(|ms| limits.take(&user(7), after(ms))), [Ok(()), Ok(())]);
        assert_eq!(limits.take(&user(99_999), after(1_100)), Ok(()));
        assert_eq!(limits.by_user.len(), 2);
        assert_eq!(limits.take(&user(7), after(1_100)), Err(300));
    }
}
