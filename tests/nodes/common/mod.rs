//! What the integration tests share.

use std::{future::Future, time::Duration};

use tokio::time::{sleep, timeout};

pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod disk;
pub(crate) mod http;
pub(crate) mod node;
pub(crate) mod polling;
pub(crate) mod redis;
pub(crate) mod traffic;

/// How long anything may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Waits for something that must happen, and panics if it takes too long.
pub(crate) async fn within<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("timed out waiting until {what}"))
}

/// Waits until an asynchronous condition holds.
pub(crate) async fn until_async(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
