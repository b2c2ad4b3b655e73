//! A number that tasks can wait for.
//!
//! Each socket has a few and reads them with each message: a read is one atomic load, and only a waiting task takes
//! memory. A cancellation token locks a mutex for a read, and a watch channel is ten times as large.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A number that tasks can wait for.
#[derive(Debug, Default)]
pub(super) struct Signal {
    value: AtomicU64,
    changed: Notify,
}

impl Signal {
    pub(super) fn get(&self) -> u64 {
        self.value.load(Ordering::Acquire)
    }

    /// Sets bits, which stay set.
    pub(super) fn set(&self, bits: u64) {
        self.value.fetch_or(bits, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    pub(super) fn count(&self) {
        self.value.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Completes with the value once it is a wanted one. A change between the check and the wait is not missed.
    pub(super) async fn until(&self, wanted: impl Fn(u64) -> bool) -> u64 {
        loop {
            // It is notified of every change from here on, even before it is first polled.
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
