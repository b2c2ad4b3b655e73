//! A rate limit for posts: a token bucket, pure.

use tokio::time::Instant;

/// A token bucket that holds one second's worth of posts and refills steadily.
#[derive(Debug)]
pub struct RateLimit {
    per_second: u32,
    /// Billionths of a post.
    level: u64,
    /// Never moves back, so that no time refills it twice.
    filled_at: Instant,
}

/// One post. In billionths, so that each nanosecond refills a whole number of them.
const POST: u64 = 1_000_000_000;

impl RateLimit {
    /// A full bucket; a `per_second` of 0 means no limit.
    #[must_use]
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, level: u64::from(per_second) * POST, filled_at: now }
    }

    /// Takes one post from the bucket.
    ///
    /// # Errors
    ///
    /// The milliseconds until one is available.
    pub fn take(&mut self, now: Instant) -> Result<(), u64> {
        if self.per_second == 0 {
            return Ok(());
        }
        self.level = self.level_at(now);
        self.filled_at = self.filled_at.max(now);
        if self.level < POST {
            let wait_ns = (POST - self.level).div_ceil(u64::from(self.per_second));
            return Err(wait_ns.div_ceil(1_000_000));
        }
        self.level -= POST;
        Ok(())
    }

    /// Whether it is full, as it is after a second without a post.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.level_at(now) == u64::from(self.per_second) * POST
    }

    fn level_at(&self, now: Instant) -> u64 {
        let rate = u64::from(self.per_second);
        let elapsed = now.saturating_duration_since(self.filled_at);
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.level.saturating_add(elapsed_ns.saturating_mul(rate)).min(rate * POST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Takes a post at each time, in ms, and writes `.` if there was one, else the wait in ms.
    fn trace(per_second: u32, times: &[u64]) -> String {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut limit = RateLimit::new(per_second, at(1_000));
        let step = |ms: &u64| limit.take(at(*ms)).map_or_else(|ms| ms.to_string(), |()| ".".to_owned());
        times.iter().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_second_holds_so_many_posts_and_tells_the_wait() {
        assert_eq!(trace(2, &[1_000, 1_000, 1_000, 1_499, 1_500, 1_500]), ". . 500 1 . 500");
        assert_eq!(trace(0, &[1_000; 5]), ". . . . .");
    }

    #[test]
    fn a_long_pause_fills_the_bucket_once() {
        assert_eq!(trace(2, &[1_000, 1_000, 99_000, 99_000, 99_000]), ". . . . 500");
    }

    #[test]
    fn a_time_that_is_gone_over_again_refills_once() {
        assert_eq!(trace(1, &[1_000, 500, 1_400]), ". 1000 600");
        assert_eq!(trace(1, &[1_000, 1_900, 1_000, 1_900, 1_000, 1_900, 2_000]), ". 100 100 100 100 100 .");
    }

    #[test]
    fn many_tries_in_one_millisecond_lose_no_time() {
        let start = Instant::now();
        let mut limit = RateLimit::new(1, start);
        let tries = (0..=10_000).map(|n| limit.take(start + Duration::from_micros(100 * n)));
        assert_eq!(tries.filter(Result::is_ok).count(), 2);
    }
}
