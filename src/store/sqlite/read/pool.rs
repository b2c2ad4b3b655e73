//! The connections that read, apart from the writer.
//!
//! Every query is bounded, in rows or in time: a read transaction that stays open would keep the WAL from being
//! checkpointed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use rusqlite::Connection;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::{chat::ports::ReadError, store::sqlite::file::database::Database, sync::lock};

/// How long a query waits for a free connection, or for its turn, before it fails.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Up to `log.readers` connections, opened when they are first needed.
pub(crate) struct ReadPool {
    database: Database,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    costly_permit: Arc<Semaphore>,
}

impl ReadPool {
    pub(crate) fn new(database: Database, connections: usize) -> Self {
        let (permits, costly_permit) = (Arc::new(Semaphore::new(connections)), Arc::new(Semaphore::new(1)));
        Self { database, idle: Arc::default(), permits, costly_permit }
    }

    /// Runs a query on a connection of its own, on a thread that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = acquire(&self.permits, "all read connections are busy: see log.readers").await?;
        let (database, idle) = (self.database.clone(), self.idle.clone());
        let result = spawn_blocking(move || {
            // Held until the query ends, even if its caller has stopped waiting.
            let _permit = permit;
            let kept = lock(&idle).pop();
            let connection = kept.map_or_else(|| database.reader(), Ok)?;
            let result = query(&connection)?;
            // Only after success: a connection that failed is not used again.
            lock(&idle).push(connection);
            anyhow::Ok(result)
        });
        result.await.context("the query panicked").flatten().map_err(ReadError)
    }

    /// Runs a query that may be costly. These run one at a time, so that they never take all connections.
    pub(crate) async fn run_costly<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let permit = acquire(&self.costly_permit, "earlier searches took too long").await?;
        self.run(move |connection| {
            // Held until the query ends, like the connection's.
            let _permit = permit;
            query(connection)
        })
        .await
    }
}

async fn acquire(permits: &Arc<Semaphore>, failure: &'static str) -> Result<OwnedSemaphorePermit, ReadError> {
    let permit = timeout(WAIT_MAX, permits.clone().acquire_owned()).await;
    let permit = permit.map_err(|_| ReadError(anyhow!(failure)))?;
    permit.map_err(|closed| ReadError(closed.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::store::sqlite::{read::queries::position, testing::Fixture};

    #[tokio::test]
    async fn costly_questions_take_one_connection_also_when_nobody_waits_for_them() {
        let fixture = Fixture::new();
        let pool = ReadPool::new(fixture.database(), 2);
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        for _ in 0..3 {
            let blocked = blocked.clone();
            let costly = pool.run_costly(move |_| Ok(blocked.lock().unwrap().recv()?));
            assert!(timeout(Duration::from_millis(50), costly).await.is_err(), "it is given up");
        }
        assert_eq!(pool.permits.available_permits(), 1);
        pool.run(position).await.unwrap();

        drop(release);
        pool.run_costly(position).await.unwrap();
    }
}
