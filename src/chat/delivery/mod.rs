//! From the rooms to one socket: a session's cursors, moved by what the socket takes.

pub mod session;

#[cfg(test)]
mod tests;
