//! Read connections and the queries that they run.

pub(crate) mod changes;
pub(crate) mod pool;
pub(crate) mod queries;
pub(crate) mod search;
