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
mod people;

mod client;
mod link;
mod node;
mod roll;
mod server;
mod visitor;

mod faults;
mod world;

mod progress;
mod seeds;
