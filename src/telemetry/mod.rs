//! Log lines, metrics and traces.

pub mod logs;

pub mod metrics;

pub mod deliveries;

pub mod trace;

mod otlp;
