//! What a node tells its operators.

pub mod metrics;
pub mod trace;
