//! The report of a run. README.md documents its JSON.

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};
use serde::Serialize;

use crate::{
    judge::{Kind, Verdict},
    latency::{Latency, Second, merged},
    record::{Record, Tally},
    shared::Shared,
};

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether there are no violations.
    pub clean: bool,
    pub(crate) run: Run,
    /// Counts of messages.
    pub messages: Messages,
    /// Counts of violations.
    pub violations: Violations,
    /// Descriptions of violations, a few of each kind.
    pub examples: Vec<String>,
    /// From due to acked.
    pub(crate) ack: Percentiles,
    /// From due to shown.
    pub(crate) delivery: Deliveries,
    /// The longest delivery.
    pub(crate) longest_wait_ms: f64,
    pub(crate) nodes: Nodes,
    /// Lost and restored connections.
    pub connections: Connections,
    /// Refusals by code, retryable ones included.
    pub refusals: Tally,
    /// Notices by code.
    pub(crate) notices: Tally,
    /// Results by the second in which messages were due.
    pub seconds: Vec<SecondReport>,
}

/// What the options asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    pub(crate) urls: Vec<String>,
    pub(crate) clients: u32,
    pub(crate) senders: u32,
    pub(crate) rooms: Vec<String>,
    pub(crate) namespace: String,
    pub(crate) transport: String,
    /// Messages per second; absent with `inFlight`.
    pub(crate) rate: Option<f64>,
    /// Unanswered messages per sender; absent with `rate`.
    pub(crate) in_flight: Option<u32>,
    pub(crate) text_bytes: usize,
    pub(crate) sent_for_ms: f64,
    pub(crate) settled_in_ms: f64,
}

/// Counts of messages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Messages that became due.
    pub offered: u64,
    /// Messages acked as stored.
    pub acked: u64,
    /// Messages refused for good.
    pub(crate) refused: u64,
    /// Messages without a final answer.
    pub(crate) unacked: u64,
    /// Messages of this run times the clients that showed them.
    pub delivered: u64,
    /// The same for other messages.
    pub foreign: u64,
    pub(crate) acked_per_second: f64,
    pub(crate) delivered_per_second: f64,
}

/// Counts of violations, as [`Kind`] defines them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violations {
    /// [`Kind::Lost`]
    pub lost: u64,
    /// [`Kind::Doubled`]
    pub doubled: u64,
    /// [`Kind::Inverted`]
    pub inverted: u64,
    /// [`Kind::Disagreement`]
    pub disagreements: u64,
    /// [`Kind::Ghost`]
    pub ghosts: u64,
    /// [`Kind::Hole`]
    pub holes: u64,
    /// Messages without a final answer, unless `--allow-unacked`.
    pub unacked: u64,
    /// With `--expect-nodes`: missing nodes, plus pairs of nodes without a delivery.
    pub nodes: u64,
}

/// A latency distribution.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// Recorded values.
    pub count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deliveries {
    pub(crate) all: Percentiles,
    pub(crate) same_node: Percentiles,
    pub(crate) cross_node: Percentiles,
    /// One of the nodes is unknown.
    pub(crate) unknown: Percentiles,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Nodes {
    /// `?`, which stands for unknown nodes, is the first.
    pub(crate) names: Vec<String>,
    /// A row for each storing node, a column for each delivering node.
    pub(crate) deliveries: Vec<Vec<u64>>,
}

/// Lost and restored connections.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// Reconnects of all clients.
    pub reconnects: u64,
    /// Clients that reconnected at least once.
    pub clients_reconnected: usize,
    /// The most reconnects of one client.
    pub(crate) most_reconnects: u32,
    /// From losing the connection to having shown what was missed.
    pub recovery: Percentiles,
    /// Recoveries that the server reported as incomplete.
    pub(crate) incomplete_recoveries: u64,
    pub(crate) disconnects: Tally,
    pub(crate) failed_connects: Tally,
}

/// Results of the messages that were due in one second of the run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondReport {
    pub(crate) second: usize,
    /// Messages due.
    pub offered: u64,
    /// Messages acked within a second.
    pub(crate) acked_in_time: u64,
    pub(crate) ack: Percentiles,
    pub(crate) delivery: Percentiles,
    pub(crate) same_node: Percentiles,
    pub(crate) cross_node: Percentiles,
}

impl Report {
    pub(crate) fn new(shared: Shared, sent_for: Duration, settled_in: Duration) -> Self {
        let (options, record) = shared.into_parts();
        let Record { judge, latency, .. } = record;
        let verdict = judge.finish();
        let nodes = options.expect_nodes.map_or(0, |expected| missing_nodes(&latency, expected));
        let violations = violations(&verdict, options.allow_unacked, nodes);
        let all = merged(&latency.delivery);
        let [same, cross, unknown] = &latency.delivery;
        Self {
            clean: verdict.violations() + violations.unacked + nodes == 0,
            run: Run {
                urls: options.urls.iter().map(|url| format!("http://{}", url.authority())).collect(),
                clients: options.clients,
                senders: options.sender_count(),
                rooms: options.room_names(),
                namespace: format!("{:?}", options.namespace).to_lowercase(),
                transport: format!("{:?}", options.transport).to_lowercase(),
                rate: options.in_flight.is_none().then_some(options.rate),
                in_flight: options.in_flight,
                text_bytes: options.text_bytes,
                sent_for_ms: ms(sent_for),
                settled_in_ms: ms(settled_in),
            },
            messages: messages(&verdict, sent_for),
            violations,
            ack: percentiles(&latency.ack),
            longest_wait_ms: percentiles(&all).max_ms,
            delivery: Deliveries {
                all: percentiles(&all),
                same_node: percentiles(same),
                cross_node: percentiles(cross),
                unknown: percentiles(unknown),
            },
            connections: Connections {
                reconnects: record.reconnects.iter().map(|&times| u64::from(times)).sum(),
                clients_reconnected: record.reconnects.iter().filter(|&&times| 0 < times).count(),
                most_reconnects: record.reconnects.iter().copied().max().unwrap_or_default(),
                recovery: percentiles(&latency.recovery),
                incomplete_recoveries: record.incomplete_recoveries,
                disconnects: record.disconnects,
                failed_connects: record.failed_connects,
            },
            refusals: record.refusals,
            notices: record.notices,
            seconds: latency.seconds.iter().enumerate().map(second).collect(),
            nodes: Nodes { names: latency.nodes, deliveries: latency.matrix },
            examples: verdict.examples,
        }
    }
}

fn messages(verdict: &Verdict, sent_for: Duration) -> Messages {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let per_second = |count: u64| (count as f64 / sent_for.as_secs_f64() * 10.0).round() / 10.0;
    Messages {
        offered: verdict.offered,
        acked: verdict.acked,
        refused: verdict.refused,
        unacked: verdict.unacked(),
        delivered: verdict.delivered,
        foreign: verdict.foreign,
        acked_per_second: per_second(verdict.acked),
        delivered_per_second: per_second(verdict.delivered),
    }
}

fn violations(verdict: &Verdict, allow_unacked: bool, nodes: u64) -> Violations {
    Violations {
        lost: verdict.count(Kind::Lost),
        doubled: verdict.count(Kind::Doubled),
        inverted: verdict.count(Kind::Inverted),
        disagreements: verdict.count(Kind::Disagreement),
        ghosts: verdict.count(Kind::Ghost),
        holes: verdict.count(Kind::Hole),
        unacked: if allow_unacked { 0 } else { verdict.unacked() },
        nodes,
    }
}

/// Counts missing nodes, and pairs of known nodes without a delivery.
fn missing_nodes(latency: &Latency, expected: usize) -> u64 {
    let known = latency.nodes.len() - 1;
    let empty = latency.matrix.iter().skip(1).flat_map(|row| &row[1..]).filter(|count| **count == 0).count();
    (expected.saturating_sub(known) + empty) as u64
}

fn second((second, times): (usize, &Second)) -> SecondReport {
    let [same, cross, _] = &times.delivery;
    SecondReport {
        second,
        offered: times.offered,
        acked_in_time: times.acked_in_time,
        ack: percentiles(&times.ack),
        delivery: percentiles(&merged(&times.delivery)),
        same_node: percentiles(same),
        cross_node: percentiles(cross),
    }
}

fn percentiles<C: Counter>(times: &Histogram<C>) -> Percentiles {
    let at = |quantile: f64| ms(Duration::from_micros(times.value_at_quantile(quantile)));
    let max_ms = ms(Duration::from_micros(times.max()));
    // A bucket's upper end may exceed the largest recorded value.
    let at = |quantile: f64| at(quantile).min(max_ms);
    Percentiles {
        count: times.len(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms,
    }
}

/// Milliseconds, rounded to hundredths.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
