//! The results for people, as Markdown, and what is wanted of them.

use std::fmt::{self, Write as _};

use crate::{
    contender::Contender,
    results::{Results, Row},
    scenario::Scenario,
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
    let mut cells: Vec<String> = names.iter().map(|name| figure(row.median(name))).collect();
    if let Some(failure) = row.failures.last() {
        let last = cells.last_mut().expect("a table has columns");
        let _ = write!(last, " ({} failed: {failure:.120})", row.failures.len());
    }
    cells.iter().map(|cell| format!(" {cell}")).collect::<Vec<_>>().join(" |")
}

/// As many digits as the noise leaves.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value == 0.0 || 100.0 <= value => format!("{value:.0}"),
        Some(value) if 10.0 <= value => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// A ratio that is wanted to stay on one side of a limit.
struct Wanted {
    what: &'static str,
    ratio: Option<f64>,
    limit: f64,
    at_least: bool,
}

/// Writes the ratios to the better of the Node.js systems and to the floor.
pub(crate) struct Ratios<'a>(pub(crate) &'a Results);

impl fmt::Display for Ratios<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| ratio | is | wanted |")?;
        writeln!(f, "|---|---:|---:|")?;
        for Wanted { what, ratio, limit, at_least } in self.wanted() {
            let side = if at_least { "≥" } else { "≤" };
            writeln!(f, "| {what} | {} | {side} {limit} |", figure(ratio))?;
        }
        Ok(())
    }
}

impl Ratios<'_> {
    fn wanted(&self) -> Vec<Wanted> {
        let cpu = "CPU µs/delivery";
        let chorus = |scenario, name| self.0.median(scenario, Contender::Chorus2, name);
        let node = |scenario, name: &str, better: fn(f64, f64) -> f64| {
            let both =
                [Contender::Node2, Contender::NodeWal2].map(|node| self.0.median(scenario, node, name));
            both.into_iter().flatten().reduce(better)
        };
        let to = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
        let floor = |scenario, floor| to(chorus(scenario, cpu), self.0.median(scenario, floor, cpu));
        let acked = node(Scenario::Ingest, "acked/s", f64::max);
        vec![
            Wanted {
                what: "CPU a delivery, 500 × 200/s, two nodes: to Node.js",
                ratio: to(chorus(Scenario::Fanout, cpu), node(Scenario::Fanout, cpu, f64::min)),
                limit: 0.5,
                at_least: false,
            },
            Wanted {
                what: "the same to the floor",
                ratio: floor(Scenario::Fanout, Contender::Floor),
                limit: 1.3,
                at_least: false,
            },
            Wanted {
                what: "CPU a delivery, 500 × 1,000/s, two nodes: to the gathered floor",
                ratio: floor(Scenario::FanoutHigh, Contender::FloorGathered),
                limit: 1.5,
                at_least: false,
            },
            Wanted {
                what: "acked/s, 16 × 64 under way, two nodes on `/`: to Node.js",
                ratio: to(chorus(Scenario::Ingest, "acked/s"), acked),
                limit: 10.0,
                at_least: true,
            },
            Wanted {
                what: "the same on `/chat` without joining",
                ratio: to(chorus(Scenario::IngestUnjoined, "acked/s"), acked),
                limit: 20.0,
                at_least: true,
            },
        ]
    }
}
