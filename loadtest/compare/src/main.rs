//! Benchmarks Chorus against alternatives: same load, same machine, alternating rounds, medians.
//!
//! A [`contender`] is started for each [`scenario`] and [`measure`]d under a [`load`]; the [`results`] become
//! [`table`]s and [`chart`]s.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

mod contender;
mod scenario;

mod load;
mod measure;
mod numbers;

mod chart;
mod results;
mod table;

use contender::{Contender, Paths};
use measure::{measure, scale::Scale};
use numbers::VIOLATIONS;
use results::Results;
use scenario::Scenario;
use table::{Limits, Tables};

/// The limit of open files to ask for; each connection takes one file on either side.
const FILES_WANTED: u64 = 200_000;
/// Files that a process has open besides its connections.
const OTHER_FILES: u64 = 200;

/// Benchmarks Chorus against alternatives and prints tables of medians.
///
/// Exits with 1 if Chorus failed, or lost, doubled or inverted a message.
#[derive(Parser)]
#[command(name = "compare")]
struct Options {
    /// Number of rounds; each measures everything once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of sending in each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Number of idle connections in the load `idle`
    #[arg(long, default_value_t = 5_000)]
    crowd: usize,
    /// Divides the size of the large loads (clients, rooms, histories)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    less: u64,
    /// Run one short round, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Measure only these contenders
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Contender>,
    /// Measure only these loads
    #[arg(long, value_enum, value_delimiter = ',')]
    load: Vec<Scenario>,
    /// Folder for results, charts, logs and databases; must be on a disk
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// Folder of the Node.js chat
    #[arg(long, default_value = "loadtest/compare/node")]
    node: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let files = raise_files();
    let results = compare(&options, files).await?;
    let tables = format!("{}{}", Tables(&results), Limits(&results));
    print!("{tables}");
    fs::write(options.out.join("compare.md"), tables)?;
    fs::write(options.out.join("compare.svg"), chart::by_contender(&results))?;
    fs::write(options.out.join("growth.svg"), chart::by_size(&results))?;
    let conditions = json!({
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": fs::read_to_string("/proc/version").unwrap_or_default().trim(),
        "loadAtEnd": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
        "rounds": options.rounds(),
        "seconds": options.seconds(),
        "files": files,
        "less": options.scale(files).divisor,
        "crowd": options.scale(files).idle_connections,
    });
    let all = json!({ "conditions": conditions, "results": results.to_json() });
    fs::write(options.out.join("compare.json"), serde_json::to_string_pretty(&all)?)?;
    println!("\nAll rounds and charts are in {}", options.out.display());
    Ok(ExitCode::from(u8::from(!is_clean(&results))))
}

impl Options {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds }
    }

    fn seconds(&self) -> u64 {
        if self.quick { 2 } else { self.seconds }
    }

    fn scale(&self, files: u64) -> Scale {
        let (idle_connections, divisor) = if self.quick { (1_000, 20) } else { (self.crowd, self.less) };
        let connections_max = files.saturating_sub(OTHER_FILES);
        let duration = Duration::from_secs(self.seconds());
        Scale { duration, idle_connections, divisor, connections_max }
    }
}

/// Measures round by round and load by load, so that changes on the machine affect all contenders alike.
async fn compare(options: &Options, files: u64) -> anyhow::Result<Results> {
    let programs = std::env::current_exe()?.parent().context("the program has no folder")?.to_owned();
    fs::create_dir_all(&options.out)?;
    let paths = Paths { programs, node: options.node.clone(), out: fs::canonicalize(&options.out)? };
    let mut results = Results::default();
    for round in 1..=options.rounds() {
        for scenario in chosen(&options.load, Scenario::value_variants()) {
            for contender in chosen(&options.only, Contender::value_variants()) {
                if !scenario.applies_to(contender) || (scenario.is_long() && 1 < round) {
                    continue;
                }
                eprint!("round {round}: {} under {} … ", contender.name(), scenario.name());
                let numbers = measure(scenario, contender, &paths, options.scale(files)).await;
                match &numbers {
                    Ok(numbers) => {
                        let (name, value) = numbers[0];
                        eprintln!("{value:.2} {name}");
                    }
                    Err(error) => eprintln!("{error:#}"),
                }
                results.add(scenario, contender, numbers);
            }
        }
    }
    Ok(results)
}

fn chosen<T: Copy + PartialEq>(wanted: &[T], all: &[T]) -> Vec<T> {
    all.iter().copied().filter(|one| wanted.is_empty() || wanted.contains(one)).collect()
}

/// Whether Chorus neither failed nor violated a promise in any round.
fn is_clean(results: &Results) -> bool {
    let rows = results.0.iter().filter(|((_, contender), _)| contender.is_chorus());
    rows.map(|(_, row)| row).all(|row| {
        let violations = row.numbers.iter().filter(|(name, _)| *name == VIOLATIONS);
        row.failures.is_empty() && violations.flat_map(|(_, rounds)| rounds).all(|count| *count == 0.0)
    })
}

/// Raises the limit of open files to [`FILES_WANTED`], or as far as this user may; child processes inherit it.
fn raise_files() -> u64 {
    let limit = Rlimit { current: Some(FILES_WANTED), maximum: Some(FILES_WANTED) };
    if setrlimit(Resource::Nofile, limit).is_err() {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(FILES_WANTED)
}
