//! The bus and the presence store of nodes in one process: a single node, and tests.

pub mod bus;
pub mod presence;
