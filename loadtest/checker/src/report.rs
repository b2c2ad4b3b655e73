//! What a run found, as JSON; its fields are explained in README.md.

use std::time::Duration;

use hdrhistogram::{Counter, Histogram};
use serde::Serialize;

use crate::{
    client::Shared,
    judge::{Kind, Verdict},
    latency::{Latency, Second, together},
    record::{Record, Tally},
};

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// No violation.
    pub clean: bool,
    /// What was asked for.
    pub run: Run,
    /// What happened to the messages.
    pub messages: Messages,
    /// What must not happen.
    pub violations: Violations,
    /// Violations in words, a few of each kind.
    pub examples: Vec<String>,
    /// From due to acked.
    pub ack: Spread,
    /// From due to shown.
    pub delivery: Deliveries,
    /// The longest that any client waited for any message, in milliseconds.
    pub longest_wait_ms: f64,
    /// From node to node.
    pub nodes: Nodes,
    /// Connections that were lost and made again.
    pub connections: Connections,
    /// Refusals by their code, those that pass included.
    pub refusals: Tally,
    /// Notices by their code.
    pub notices: Tally,
    /// By the second in which messages were due.
    pub seconds: Vec<SecondReport>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Where.
    pub urls: Vec<String>,
    /// Clients.
    pub clients: u32,
    /// Of them, those that send.
    pub senders: u32,
    /// The rooms.
    pub rooms: Vec<String>,
    /// `chat`, `tutorial` or `mixed`.
    pub namespace: String,
    /// `websocket`, `polling` or `mixed`.
    pub transport: String,
    /// Messages a second; absent with `inFlight`.
    pub rate: Option<f64>,
    /// Unanswered messages a sender; absent with `rate`.
    pub in_flight: Option<u32>,
    /// Texts are at least so long.
    pub text_bytes: usize,
    /// How long messages were sent.
    pub sent_for_ms: f64,
    /// How long the rest was waited for.
    pub settled_in_ms: f64,
}

/// What happened to the messages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Due.
    pub offered: u64,
    /// Stored.
    pub acked: u64,
    /// Refused for good.
    pub refused: u64,
    /// Neither, at the end.
    pub unacked: u64,
    /// Messages times the clients that showed them.
    pub delivered: u64,
    /// The same of messages of others.
    pub foreign: u64,
    /// Acked a second, while messages were sent.
    pub acked_per_second: f64,
    /// Delivered a second, likewise.
    pub delivered_per_second: f64,
}

/// What must not happen, counted by [`Kind`].
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
    /// Without an answer at the end, unless that is allowed.
    pub unacked: u64,
    /// Nodes that `--expect-nodes` misses, and pairs of nodes between which nothing was delivered.
    pub nodes: u64,
}

/// A distribution in milliseconds.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Half are at most this.
    pub p50_ms: f64,
    /// Of ten, nine.
    pub p90_ms: f64,
    /// Of a hundred, all but one.
    pub p99_ms: f64,
    /// Of a thousand, all but one.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Distributions of deliveries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// All of them.
    pub all: Spread,
    /// Sender and receiver on one node.
    pub same_node: Spread,
    /// On two.
    pub cross_node: Spread,
    /// A node is not known.
    pub unknown: Spread,
}

/// From node to node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nodes {
    /// Their names; `?` first, for those that are not known.
    pub names: Vec<String>,
    /// Deliveries: the row is the node that stored, the column the one that delivered.
    pub deliveries: Vec<Vec<u64>>,
}

/// Connections that were lost and made again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// Times that a client came back.
    pub reconnects: u64,
    /// Clients that did.
    pub clients_reconnected: usize,
    /// The most often that one did.
    pub most_reconnects: u32,
    /// From losing the connection to having shown what was missed.
    pub recovery: Spread,
    /// Recoveries of which the server said that they were not complete.
    pub incomplete_recoveries: u64,
    /// Why connections ended.
    pub disconnects: Tally,
    /// Why they could not be made.
    pub failed_connects: Tally,
}

/// What became of the messages that were due in one second.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondReport {
    /// From the beginning, from 0.
    pub second: usize,
    /// Due.
    pub offered: u64,
    /// Of those, acked within a second.
    pub acked_in_time: u64,
    /// From due to acked.
    pub ack: Spread,
    /// From due to shown.
    pub delivery: Spread,
    /// The same on one node.
    pub same_node: Spread,
    /// The same across nodes.
    pub cross_node: Spread,
}

impl Report {
    /// The report of a run that is over.
    #[must_use]
    pub fn new(shared: Shared, sent_for: Duration, settled_in: Duration) -> Self {
        let (options, record) = shared.into_parts();
        let Record { judge, latency, .. } = record;
        let verdict = judge.finish();
        let nodes = options.expect_nodes.map_or(0, |expected| missing_nodes(&latency, expected));
        let violations = violations(&verdict, options.allow_unacked, nodes);
        let all = together(&latency.delivery);
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
            ack: spread(&latency.ack),
            longest_wait_ms: spread(&all).max_ms,
            delivery: Deliveries {
                all: spread(&all),
                same_node: spread(same),
                cross_node: spread(cross),
                unknown: spread(unknown),
            },
            connections: Connections {
                reconnects: record.reconnects.iter().map(|&times| u64::from(times)).sum(),
                clients_reconnected: record.reconnects.iter().filter(|&&times| 0 < times).count(),
                most_reconnects: record.reconnects.iter().copied().max().unwrap_or_default(),
                recovery: spread(&latency.recovery),
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

/// Nodes that were not seen, and pairs of those seen between which nothing was delivered.
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
        ack: spread(&times.ack),
        delivery: spread(&together(&times.delivery)),
        same_node: spread(same),
        cross_node: spread(cross),
    }
}

fn spread<C: Counter>(times: &Histogram<C>) -> Spread {
    let at = |quantile: f64| ms(Duration::from_micros(times.value_at_quantile(quantile)));
    let max_ms = ms(Duration::from_micros(times.max()));
    // A bucket's upper end may lie beyond what was recorded.
    let at = |quantile: f64| at(quantile).min(max_ms);
    Spread {
        count: times.len(),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms,
    }
}

/// Milliseconds, to a hundredth.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
