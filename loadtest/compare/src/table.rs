//! Prints the results, and the limits that Chorus should keep, as Markdown tables.

use std::fmt;

use crate::{
    contender::Contender,
    measure::{growth, idle::RSS, ingest::ACK_P99_HALF, stress},
    numbers::{ACKED, CPU_DELIVERY, DELIVERY_P99},
    results::{Results, Row},
    scenario::Scenario,
};

/// Displays one table per load.
pub(crate) struct Tables<'a>(pub(crate) &'a Results);

impl fmt::Display for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scenario, rows) in self.0.by_scenario() {
            let names: Vec<&str> = rows
                .iter()
                .max_by_key(|(_, row)| row.numbers.len())
                .into_iter()
                .flat_map(|(_, row)| row.numbers.iter().map(|(name, _)| *name))
                .collect();
            let fails = rows.iter().any(|(_, row)| !row.failures.is_empty());
            let failed = if fails { [" failed |", "---|"] } else { ["", ""] };
            writeln!(f, "\n| {} | {} |{}", scenario.name(), names.join(" | "), failed[0])?;
            writeln!(f, "|---|{}{}", "---:|".repeat(names.len()), failed[1])?;
            for (contender, row) in rows {
                let failure = row.failures.last().map(|last| {
                    let last: String = last.replace(['|', '\n'], " ").chars().take(120).collect();
                    format!(" {} times; last error: {last} |", row.failures.len())
                });
                writeln!(
                    f,
                    "| {} |{} |{}",
                    contender.name(),
                    cells(row, &names),
                    failure.unwrap_or_default()
                )?;
            }
        }
        Ok(())
    }
}

fn cells(row: &Row, names: &[&str]) -> String {
    let cell = |name: &&str| format!(" {}", row.median(name).map_or("–".to_owned(), figure));
    names.iter().map(cell).collect::<Vec<_>>().join(" |")
}

/// Formats a number with as many digits as are significant.
pub(crate) fn figure(value: f64) -> String {
    match value {
        value if value == 0.0 || 100.0 <= value => format!("{value:.0}"),
        value if 10.0 <= value => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A measurement and its limit.
struct Limit {
    what: &'static str,
    scenario: Scenario,
    is: Option<f64>,
    limit: f64,
    at_least: bool,
}

/// Displays the limits beside the measurements. A limit without a measurement is not met.
pub(crate) struct Limits<'a>(pub(crate) &'a Results);

impl fmt::Display for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| | measured | limit | |")?;
        writeln!(f, "|---|---:|---:|---|")?;
        for Limit { what, scenario, is, limit, at_least } in self.limits() {
            if self.0.by_scenario().iter().all(|(measured, _)| *measured != scenario) {
                continue;
            }
            let side = if at_least { "≥" } else { "≤" };
            let is_met = is.is_some_and(|is| if at_least { limit <= is } else { is <= limit });
            let verdict = if is_met { "met" } else { "**not met**" };
            writeln!(f, "| {what} | {} | {side} {limit} | {verdict} |", is.map_or("–".to_owned(), figure))?;
        }
        Ok(())
    }
}

impl Limits<'_> {
    fn limits(&self) -> Vec<Limit> {
        use Contender::{Chorus1, Chorus2, Floor, FloorGathered, Node2, NodeWal2};
        use Scenario::{
            Clients, Connects, Fanout, FanoutHigh, Growth, Idle, IdleMany, Ingest, IngestUnjoined, Replay,
            Storm,
        };
        let median = |scenario, contender, name: &str| self.0.median(scenario, contender, name);
        let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
        let ratio_within = |scenario, contender, one: &str, other: &str| {
            ratio(median(scenario, contender, one), median(scenario, contender, other))
        };
        // The better of the two Node.js contenders.
        let node = |scenario, name: &str, better: fn(f64, f64) -> f64| {
            [Node2, NodeWal2].map(|node| median(scenario, node, name)).into_iter().flatten().reduce(better)
        };
        let cpu = |scenario, other| ratio(median(scenario, Chorus2, CPU_DELIVERY), other);
        let cpu_of_node = node(Fanout, CPU_DELIVERY, f64::min);
        let acked = |scenario| ratio(median(scenario, Chorus2, ACKED), node(Ingest, ACKED, f64::max));
        let most = |scenario, what, is, limit| Limit { what, scenario, is, limit, at_least: false };
        let least = |scenario, what, is, limit| Limit { what, scenario, is, limit, at_least: true };
        vec![
            most(
                Fanout,
                "CPU per delivery, 500 clients × 200/s, two nodes: ratio to Node.js",
                cpu(Fanout, cpu_of_node),
                0.5,
            ),
            most(
                Fanout,
                "the same: ratio to the floor",
                cpu(Fanout, median(Fanout, Floor, CPU_DELIVERY)),
                1.3,
            ),
            most(
                FanoutHigh,
                "CPU per delivery, 500 clients × 1,000/s, two nodes: ratio to the batching floor",
                cpu(FanoutHigh, median(FanoutHigh, FloorGathered, CPU_DELIVERY)),
                1.5,
            ),
            most(
                FanoutHigh,
                "delivery p99 under the same load, ms",
                median(FanoutHigh, Chorus2, DELIVERY_P99),
                250.0,
            ),
            least(
                Ingest,
                "acked/s, 16 senders × 64 in flight, two nodes on `/`: ratio to Node.js",
                acked(Ingest),
                10.0,
            ),
            least(IngestUnjoined, "the same on `/chat` without joining", acked(IngestUnjoined), 20.0),
            most(
                Ingest,
                "ack p99 at half of that rate on `/`, ms",
                median(Ingest, Chorus2, ACK_P99_HALF),
                50.0,
            ),
            most(
                IngestUnjoined,
                "the same on `/chat`, ms",
                median(IngestUnjoined, Chorus2, ACK_P99_HALF),
                50.0,
            ),
            most(Idle, "KB of memory per idle websocket", median(Idle, Chorus1, RSS), 18.0),
            most(IdleMany, "the same under the load `idle-many`", median(IdleMany, Chorus1, RSS), 18.0),
            most(
                Storm,
                "clients of a killed node: all caught up on the other one after, s",
                median(Storm, Chorus2, stress::CAUGHT_UP),
                10.0,
            ),
            most(
                Connects,
                "new clients: all connected after, s",
                median(Connects, Chorus1, stress::CONNECTED),
                15.0,
            ),
            most(
                Replay,
                "replay of a long history on `/`, s",
                median(Replay, Chorus1, stress::REPLAYED_TUTORIAL),
                10.0,
            ),
            most(Replay, "the same on `/chat`, s", median(Replay, Chorus1, stress::REPLAYED_NATIVE), 3.0),
            most(
                Replay,
                "other clients' delivery p99 during the replay: ratio to before",
                ratio_within(Replay, Chorus1, stress::P99_MEANWHILE, stress::P99_BEFORE),
                1.5,
            ),
            most(
                Growth,
                "join p99 at 1 million messages: ratio to 1 thousand",
                ratio_within(Growth, Chorus1, growth::JOIN_1M, growth::JOIN_1K),
                1.2,
            ),
            most(
                Growth,
                "ack p99 at 1 million messages: ratio to 1 thousand",
                ratio_within(Growth, Chorus1, growth::ACK_1M, growth::ACK_1K),
                1.2,
            ),
            most(
                Clients,
                "CPU per delivery to 10,000 clients: ratio to 500",
                ratio_within(Clients, Chorus2, growth::CPU_10K, growth::CPU_500),
                1.3,
            ),
        ]
    }
}
