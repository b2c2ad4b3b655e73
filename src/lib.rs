//! Chorus, a chat stack that scales horizontally.
//!
//! [`chat`] is the domain. [`store`] and [`cluster`] implement its ports, and [`auth`] identifies its users. [`gateway`]
//! and [`http`] are its edges to clients, on the listener in [`server`]. [`node`] puts the parts together.

pub mod chat;

pub mod cluster;
pub mod store;

pub mod auth;
pub mod gateway;
pub mod http;

pub mod server;

pub mod lifecycle;
pub mod node;

pub mod config;
pub mod telemetry;

pub mod clock;
mod sync;

/// The commit of this build, or `unknown`.
pub const COMMIT: &str = env!("CHORUS_COMMIT");

/// The version and the commit.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CHORUS_COMMIT"), ")");
