//! The domain under every fault, in virtual time: from a seed, the same each time.

#![cfg(test)]

mod dice;
mod history;
mod tally;
mod weather;

mod bus;
mod clock;
mod life;
mod log;
mod presence;

mod client;
mod connection;
mod node;
mod roll;
mod server;
mod visitor;

mod faults;
mod world;

mod progress;
mod seeds;
