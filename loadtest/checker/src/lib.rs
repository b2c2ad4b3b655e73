//! Load for a chat stack, and a verdict on what it delivered.
//!
//! In reading order: [`options`] says what is asked for, [`run`] does it with many a [`client`], [`judge`]
//! says what was right, [`report`] and [`table`] tell it. A client [`pace`]s its messages, keeps them in its
//! [`outbox`], speaks a [`dialect`] in packets of its [`socket`] over its [`engine`], and writes what came of it
//! into the [`record`].

pub mod options;
pub mod run;

pub mod client;
pub mod outbox;
pub mod pace;
pub mod plant;

pub mod dialect;
pub mod engine;
pub mod http;
pub mod polling;
pub mod socket;
pub mod target;
pub mod websocket;

pub mod identity;
pub mod judge;
pub mod latency;
pub mod record;

pub mod progress;
pub mod report;
pub mod table;
