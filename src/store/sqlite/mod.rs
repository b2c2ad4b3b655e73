//! A log in one SQLite file, which any number of processes on one machine share.
//!
//! `file` opens or creates the file. `write` stores messages: `queue` takes batches, `writer` commits them under
//! the lock between processes, `sequencer` gives each message its seq. `read` answers queries beside the writer.
//! `maintenance` prunes, indexes, checkpoints and copies. `log` puts them together.

pub(super) mod file;

pub(super) mod write;

mod read;

mod maintenance;

mod health;
mod rows;
mod worker;

mod log;

pub use self::{
    log::SqliteLog,
    maintenance::backup::{Backup, backup, renew_epoch},
};

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
