//! What a node tells its operators.

pub mod logs;

pub mod metrics;

pub mod deliveries;

pub mod trace;

mod otlp;
