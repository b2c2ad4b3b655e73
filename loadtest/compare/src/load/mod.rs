//! Load generators: chorus-load as a process, and simpler clients for what it cannot generate.

pub(crate) mod catch_up;
pub(crate) mod checker;
pub(crate) mod connections;
pub(crate) mod flapping;
pub(crate) mod senders;
