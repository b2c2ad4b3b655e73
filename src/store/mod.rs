//! The message log: what makes a message exist, and gives it its place.
//!
//! A log implements [`MessageLog`] and passes the checks of `contract`.
//! [`sqlite`] is the real one, a file that any number of processes on one
//! machine share; [`memory`] lives and dies with its process. [`import`] takes
//! over the chat.db of the server that Chorus succeeds.

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

/// Opens the log that `log.url` names; what it stores is also sent to
/// `commits`. It blocks, as long as another process makes the same log.
///
/// # Errors
///
/// Says what is wrong with the place, the file or its contents.
pub fn open(
    settings: &config::Log,
    clock: Arc<dyn Clock>,
    commits: Commits,
) -> anyhow::Result<Arc<dyn MessageLog>> {
    if settings.url != "memory://" {
        return Ok(SqliteLog::open(settings, clock, commits)?);
    }
    let (mut bits, mut key) = ([0; 16], [0; 32]);
    getrandom::fill(&mut bits).context("no random bytes")?;
    getrandom::fill(&mut key).context("no random bytes")?;
    let log = MemoryLog::new(Epoch::from_random(u128::from_le_bytes(bits)), key, commits);
    Ok(Arc::new(log.retaining(settings, clock)))
}
