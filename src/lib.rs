//! Chorus: many nodes, one voice.
//!
//! In reading order: [`chat`] is the domain, [`store`] and [`cluster`] keep
//! what it needs, [`auth`] says who may, [`gateway`] and [`http`] are its edges,
//! [`node`] joins the parts.

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

/// The commit that this was built from, or `unknown`.
pub const COMMIT: &str = env!("CHORUS_COMMIT");

/// The version and the commit.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CHORUS_COMMIT"), ")");
