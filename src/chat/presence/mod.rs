//! Who is in a room, on this node and on the others. No message ever waits for it.

pub mod tracker;

pub mod sync;

pub mod participant;
pub mod subscription;

mod members;
pub mod room_presence;

#[cfg(test)]
mod room_presence_tests;
#[cfg(test)]
mod tests;
