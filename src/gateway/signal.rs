//! A number that a few tasks wait for.
//!
//! Each socket has some, and looks at them with each message: to look is one atomic load, and to
//! wait takes memory only in the task that waits. A cancellation token locks a mutex for a look, and a watch
//! channel is ten times as large.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A number, and who waits until it is another.
#[derive(Debug, Default)]
pub(super) struct Signal {
    value: AtomicU64,
    changed: Notify,
}

impl Signal {
    /// Its value now.
    pub(super) fn get(&self) -> u64 {
        self.value.load(Ordering::Acquire)
    }

    /// Sets some of its bits, which stay set.
    pub(super) fn set(&self, bits: u64) {
        self.value.fetch_or(bits, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Counts one more.
    pub(super) fn count(&self) {
        self.value.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Completes with the value once it is a wanted one; what changes between a look and the wait is seen.
    pub(super) async fn until(&self, wanted: impl Fn(u64) -> bool) -> u64 {
        loop {
            // It hears of all changes from here on, before it is first polled as well.
            let changed = self.changed.notified();
            let value = self.get();
            if wanted(value) {
                return value;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_hears_of_each_change_until_it_is_the_wanted_one() {
        let signal = Signal::default();
        let changes = async {
            tokio::task::yield_now().await;
            signal.set(1);
            tokio::task::yield_now().await;
            signal.set(4);
        };
        assert_eq!(tokio::join!(signal.until(|value| value & 4 != 0), changes).0, 5);
        signal.count();
        assert_eq!(signal.until(|_| true).await, 6);
    }
}
