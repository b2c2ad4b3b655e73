//! How fast one session may post: a token bucket, pure.

use super::types::UnixMs;

/// A bucket of one second's worth of posts, refilled steadily.
#[derive(Debug)]
pub struct RateLimit {
    per_second: u32,
    /// Thousandths of a post.
    level: u64,
    filled_at: UnixMs,
}

/// A post in thousandths, so that a bucket refills by the millisecond in whole numbers.
const POST: u64 = 1_000;

impl RateLimit {
    /// A full bucket; `per_second` 0 has no limit.
    #[must_use]
    pub fn new(per_second: u32, now: UnixMs) -> Self {
        Self { per_second, level: u64::from(per_second) * POST, filled_at: now }
    }

    /// Takes one post from the bucket.
    ///
    /// # Errors
    ///
    /// The milliseconds until there is one. A clock that goes backwards refills nothing.
    pub fn take(&mut self, now: UnixMs) -> Result<(), u64> {
        if self.per_second == 0 {
            return Ok(());
        }
        let (rate, full) = (u64::from(self.per_second), u64::from(self.per_second) * POST);
        let elapsed_ms = now.0.saturating_sub(self.filled_at.0);
        self.level = self.level.saturating_add(elapsed_ms.saturating_mul(rate)).min(full);
        self.filled_at = now;
        if self.level < POST {
            return Err((POST - self.level).div_ceil(rate));
        }
        self.level -= POST;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at each time and writes `.` for yes, or the wait in ms.
    fn trace(per_second: u32, times: &[u64]) -> String {
        let mut limit = RateLimit::new(per_second, UnixMs(1_000));
        let step = |at: &u64| limit.take(UnixMs(*at)).map_or_else(|ms| ms.to_string(), |()| ".".to_owned());
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
    fn a_clock_that_goes_back_gives_nothing() {
        assert_eq!(trace(1, &[1_000, 500, 1_400]), ". 1000 100");
    }
}
