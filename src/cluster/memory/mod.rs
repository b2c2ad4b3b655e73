//! The bus and the presence of nodes that share one process: a cluster of one, and tests.

pub mod bus;
pub mod presence;
