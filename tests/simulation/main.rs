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

mod client;
mod link;
mod node;
mod server;

mod faults;
mod world;

mod progress;
mod seeds;
