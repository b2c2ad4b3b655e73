//! Message logs: implementations of the port [`MessageLog`].
//!
//! [`sqlite`] is a file that any number of processes on one machine share. [`memory`] lives in one process.
//! Both pass the checks in `contract`.

pub mod sqlite;

pub mod memory;

pub mod import;

mod digest;
mod page;
mod retention;
mod scan_budget;

#[cfg(test)]
pub(crate) mod contract;

use std::sync::Arc;

use anyhow::Context as _;

use crate::{
    chat::{
        model::Epoch,
        ports::{Clock, Commits, MessageLog},
    },
    config,
    store::{memory::MemoryLog, sqlite::SqliteLog},
};

/// Opens the log that `log.url` names. It sends what it stores to `commits`.
///
/// Blocks while another process creates or migrates the same log.
///
/// # Errors
///
/// The path, the file or its contents cannot be used.
pub fn open(
    settings: &config::Log,
    clock: Arc<dyn Clock>,
    commits: Commits,
) -> anyhow::Result<Arc<dyn MessageLog>> {
    if settings.url != "memory://" {
        return Ok(SqliteLog::open(settings, clock, commits)?);
    }
    let (mut bits, mut key) = ([0; 16], [0; 32]);
    getrandom::fill(&mut bits).context("the system gives no random bytes")?;
    getrandom::fill(&mut key).context("the system gives no random bytes")?;
    let log = MemoryLog::new(Epoch::from_random(u128::from_le_bytes(bits)), key, commits);
    Ok(Arc::new(log.with_retention(settings, clock)))
}
