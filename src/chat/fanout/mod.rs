//! From the log to this node's sessions: one ordered view of each room that has members here.

pub mod hub;
pub mod room;

pub mod cursor;
pub mod reorder_buffer;
pub mod tail;
pub mod tail_budget;
pub mod wake_throttle;
