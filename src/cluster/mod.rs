//! Communication between nodes: message hints and presence, over Redis or within one process.
//!
//! Everything here may arrive late, repeatedly or not at all. The log is the truth, and the sweep finds what the bus
//! missed.

pub mod memory;
pub mod redis;

pub mod wire;

mod batches;

#[cfg(test)]
mod testing;
