//! Named measurements of one round, and how they are summarised.

use chorus_load::latency::Times;

/// Measurements by name; the name includes the unit.
pub(crate) type Numbers = Vec<(&'static str, f64)>;

// Names that several scenarios, the tables or the charts use.
pub(crate) const CPU_DELIVERY: &str = "CPU µs/delivery";
pub(crate) const DELIVERY_P99: &str = "delivery p99 ms";
pub(crate) const ACKED: &str = "acked/s";
/// All violations that chorus-load counts.
pub(crate) const VIOLATIONS: &str = "violations";

/// The lower median; not a number if there are no values or one is not a number.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1).map(|last| values[last / 2]);
    middle.filter(|_| values.iter().all(|value| value.is_finite())).unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 microseconds")]
pub(crate) fn quantile_ms(times: &Times, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e3
}
