//! Chorus: many nodes, one voice.
//!
//! In reading order: [`chat`] is the domain, [`store`] and [`cluster`] keep
//! what it needs, [`auth`] says who may, [`gateway`] and [`http`] are its edges,
//! [`node`] joins the parts.

pub mod chat;
pub mod config;
pub mod store;
pub mod telemetry;
