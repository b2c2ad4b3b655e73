//! The message log: what makes a message exist, and gives it its place.
//!
//! A log implements [`MessageLog`](crate::chat::ports::MessageLog) and passes
//! the checks of [`contract`]. [`sqlite`] is the real one, a file that any number of
//! processes on one machine share; [`memory`] lives and dies with its process.
//! [`import`](import()) takes over the chat.db of the server that Chorus succeeds.

mod digest;
mod page;

pub mod sqlite;

pub mod memory;

#[cfg(test)]
pub mod contract;
