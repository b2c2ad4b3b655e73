//! Runs the domain under every kind of fault, in virtual time. The same seed gives the same history each time.

#![cfg(test)]

mod active_faults;
mod effects;
mod history;
mod rng;

mod bus;
mod clock;
mod instance;
mod log;
mod presence;

mod client;
mod connection;
mod node;
mod presence_oracle;
mod server;
mod transient_client;

mod faults;
mod simulation;

mod progress;
mod seeds;
