//! The bus and the presence store over Redis.

pub mod bus;
pub mod presence;

mod publisher;
pub mod subscriber;

mod backoff;
mod connection;
mod health;
mod rooms;
