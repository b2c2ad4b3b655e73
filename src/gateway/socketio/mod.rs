//! The borrowed Socket.IO server as it is seen from outside: its sessions, their buffers, events and ends.

pub mod engine_session;

pub(super) mod requests;

pub(super) mod event_queue;
mod queue;

pub(super) mod connection_gauge;
pub(super) mod responder;
pub(super) mod sink;

mod signal;
