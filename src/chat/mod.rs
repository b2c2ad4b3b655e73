//! The domain: rooms, their order, and each session's position in them.
//!
//! It names no framework and no I/O crate. What it needs from outside are the traits in [`ports`]; its decisions
//! are made on plain data, so that every schedule of loss, repetition and outage can be tested.

pub mod service;

pub mod model;
pub mod ports;

pub mod publish;

pub mod fanout;

pub mod delivery;

pub mod presence;

mod retry;
pub mod stats;

#[cfg(test)]
pub(crate) mod testing;
