//! Connections that read, and what they are asked.

pub(crate) mod changes;
pub(crate) mod pool;
pub(crate) mod search;
