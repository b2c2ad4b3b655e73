//! A log that lives in one process: for `memory://` and for simulations.

mod log;
mod state;

pub use self::log::MemoryLog;
