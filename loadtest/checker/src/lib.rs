//! Sends load to a chat stack as real Socket.IO clients do, and judges every delivery.
//!
//! [`run`] executes what the [`options`] ask for: it starts the clients, records what they send and receive,
//! and passes it to the [`judge`]. [`report`] and [`table`] present the result.

pub mod options;
pub mod run;
mod shared;

mod client;
pub mod fault;
pub mod outbox;
mod schedule;

pub mod dialect;
pub mod engine;
pub mod http;
pub mod packet;
pub mod target;

pub mod identity;
pub mod judge;
pub mod latency;
mod record;

mod progress;
pub mod report;
pub mod table;
