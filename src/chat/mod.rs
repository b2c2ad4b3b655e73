//! The domain: rooms, their order, and each session's place in it.
//!
//! No framework and no I/O crate is named here. What it needs of the outside
//! it says as traits in [`ports`], and what it decides is plain data, so that
//! every schedule of loss, repetition and outage can be tested by hand.

pub mod types;

pub mod ports;

pub mod service;

pub mod session;

pub mod hub;
pub mod room;

pub mod post;

pub mod company;
pub mod ear;
pub mod presence;

pub mod cursor;
pub mod gather;
pub mod rate_limit;
mod retry;
pub mod search;
pub mod sender;
pub mod sender_order;
pub mod stats;
mod tails;
pub mod user_limits;
pub mod witness;

#[cfg(test)]
pub(crate) mod testing;
