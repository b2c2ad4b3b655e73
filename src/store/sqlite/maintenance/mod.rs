//! Keeps the log small and searchable, and copies it.

pub(crate) mod backup;
pub(crate) mod index;
pub(crate) mod janitor;
mod pruning;
mod retention_clock;
mod steps;
