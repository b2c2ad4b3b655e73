//! The TCP side: a bounded listener, and connections that can be observed and cut.

pub mod connection;
pub mod listener;
