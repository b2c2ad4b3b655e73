//! The results for people, as Markdown, and what is wanted of them.

use std::fmt;

use crate::{
    contender::Contender,
    hardship,
    results::{Results, Row},
    scenario::{ACK_P99_HALF, ACKED, CPU_DELIVERY, RSS, Scenario},
};

/// Writes each load as a table.
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
            writeln!(f, "\n| {} | {} |", scenario.name(), names.join(" | "))?;
            writeln!(f, "|---|{}", "---:|".repeat(names.len()))?;
            for (contender, row) in rows {
                writeln!(f, "| {} |{} |", contender.name(), cells(row, &names))?;
            }
        }
        Ok(())
    }
}

fn cells(row: &Row, names: &[&str]) -> String {
    let mut cells: Vec<String> =
        names.iter().map(|name| row.median(name).map_or("–".to_owned(), figure)).collect();
    if let Some(failure) = row.failures.last() {
        cells.push(format!("{} failed: {failure:.120}", row.failures.len()));
    }
    cells.iter().map(|cell| format!(" {cell}")).collect::<Vec<_>>().join(" |")
}

/// As many digits as the noise leaves.
pub(crate) fn figure(value: f64) -> String {
    match value {
        value if value == 0.0 || 100.0 <= value => format!("{value:.0}"),
        value if 10.0 <= value => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A figure that is wanted to stay on one side of a limit.
struct Wanted {
    what: &'static str,
    is: Option<f64>,
    limit: f64,
    at_least: bool,
}

/// Writes what is wanted of Chorus beside what was measured.
pub(crate) struct Limits<'a>(pub(crate) &'a Results);

impl fmt::Display for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| | is | wanted |")?;
        writeln!(f, "|---|---:|---:|")?;
        for Wanted { what, is, limit, at_least } in self.wanted() {
            let Some(is) = is else { continue };
            let side = if at_least { "≥" } else { "≤" };
            writeln!(f, "| {what} | {} | {side} {limit} |", figure(is))?;
        }
        Ok(())
    }
}

impl Limits<'_> {
    fn wanted(&self) -> Vec<Wanted> {
        let one = |scenario, name| self.0.median(scenario, Contender::Chorus1, name);
        let two = |scenario, name| self.0.median(scenario, Contender::Chorus2, name);
        let node = |scenario, name: &str, better: fn(f64, f64) -> f64| {
            let both =
                [Contender::Node2, Contender::NodeWal2].map(|node| self.0.median(scenario, node, name));
            both.into_iter().flatten().reduce(better)
        };
        let to = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
        let to_floor =
            |scenario, floor| to(two(scenario, CPU_DELIVERY), self.0.median(scenario, floor, CPU_DELIVERY));
        let acked = node(Scenario::Ingest, ACKED, f64::max);
        let most = |what, is, limit| Wanted { what, is, limit, at_least: false };
        let least = |what, is, limit| Wanted { what, is, limit, at_least: true };
        vec![
            most(
                "CPU a delivery, 500 × 200/s, two nodes: to Node.js",
                to(two(Scenario::Fanout, CPU_DELIVERY), node(Scenario::Fanout, CPU_DELIVERY, f64::min)),
                0.5,
            ),
            most("the same to the floor", to_floor(Scenario::Fanout, Contender::Floor), 1.3),
            most(
                "CPU a delivery, 500 × 1,000/s, two nodes: to the floor that gathers as long",
                to_floor(Scenario::FanoutHigh, Contender::FloorGathered),
                1.5,
            ),
            most("delivery p99 there, ms", two(Scenario::FanoutHigh, "delivery p99 ms"), 250.0),
            least(
                "acked/s, 16 × 64 under way, two nodes on `/`: to Node.js",
                to(two(Scenario::Ingest, ACKED), acked),
                10.0,
            ),
            least(
                "the same on `/chat` without joining",
                to(two(Scenario::IngestUnjoined, ACKED), acked),
                20.0,
            ),
            most("ack p99 at half of that rate on `/`, ms", two(Scenario::Ingest, ACK_P99_HALF), 50.0),
            most("the same on `/chat`, ms", two(Scenario::IngestUnjoined, ACK_P99_HALF), 50.0),
            most("KB of memory an idle websocket", one(Scenario::Idle, RSS), 18.0),
            most("the same with very many", one(Scenario::IdleMany, RSS), 18.0),
            most(
                "a killed node's clients complete at the other after, s",
                two(Scenario::Storm, hardship::COMPLETE),
                10.0,
            ),
            most("new clients connected after, s", one(Scenario::Connects, hardship::CONNECTED), 15.0),
            most(
                "100,000 messages replayed on `/`, s",
                one(Scenario::Replay, hardship::REPLAYED_TUTORIAL),
                10.0,
            ),
            most("the same on `/chat`, s", one(Scenario::Replay, hardship::REPLAYED_NATIVE), 3.0),
            most(
                "others' delivery p99 meanwhile: to before",
                to(one(Scenario::Replay, hardship::P99_BESIDE), one(Scenario::Replay, hardship::P99_ALONE)),
                1.5,
            ),
            most(
                "join p99 at 1 million messages: to that at 1 thousand",
                to(one(Scenario::Growth, "join p99 ms at 1M"), one(Scenario::Growth, "join p99 ms at 1k")),
                1.2,
            ),
            most(
                "ack p99 there: to that at 1 thousand",
                to(one(Scenario::Growth, "ack p99 ms at 1M"), one(Scenario::Growth, "ack p99 ms at 1k")),
                1.2,
            ),
            most(
                "CPU a delivery to 10,000 clients: to 500",
                to(
                    two(Scenario::Clients, "CPU µs/delivery at 10k"),
                    two(Scenario::Clients, "CPU µs/delivery at 500"),
                ),
                1.3,
            ),
        ]
    }
}
