//! Tests whole nodes: real processes, real sockets and a real Redis, through the public protocols only.

#![cfg(test)]

mod common;

mod crossing;
mod outages;
mod unwritable;

mod order;
mod polling;
mod slow_reader;

mod recovery;

mod backup;
mod retention;

mod kinds;
mod search;

mod bad_input;
mod http_api;

mod limits;

mod drain;
mod settings;

mod load;
mod verdict;

mod bus_redis;
mod people;
mod presence_store;

mod metrics;
mod traces;
