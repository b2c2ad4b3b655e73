//! What keeps the log small, searchable and copied.

pub(crate) mod backup;
pub(crate) mod index;
pub(crate) mod janitor;
pub(crate) mod retention_clock;
