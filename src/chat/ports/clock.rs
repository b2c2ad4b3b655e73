//! The wall clock.

use crate::chat::model::UnixMs;

/// The wall clock, passed in so that tests and simulations can set it.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> UnixMs;
}
