//! All metrics.

/// Stub.
pub fn refused(code: &'static str) {
    metrics::counter!("chorus_messages_refused_total", "code" => code).increment(1);
}
/// Stub.
pub fn connections(namespace: &'static str, more: i32) {
    metrics::gauge!("chorus_connections", "namespace" => namespace).increment(f64::from(more));
}
