//! The contract of [`MessageLog`](crate::chat::ports::MessageLog), as tests that each implementation runs.

pub(crate) mod amendments;
pub(crate) mod log;
pub(crate) mod retention;
pub(crate) mod search;
