//! What every message log promises, as tests that each implementation runs.

pub mod amendments;
pub mod log;
pub mod retention;
pub mod search;
