//! Chorus beside what its users would run instead: one load, one machine, alternating rounds, medians.
//!
//! In reading order: [`contender`] says what is compared and starts it as [`server`]s, [`scenario`] says what
//! is measured, by a [`load`], a [`flood`] or a [`crowd`], or in [`hardship`] and [`growth`] by more; [`results`] become a [`table`] and a [`chart`].

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

mod contender;
mod server;

mod crowd;
mod flood;
mod growth;
mod hardship;
mod load;
mod scenario;
mod storm;

mod chart;
mod results;
mod table;

use contender::{Contender, Place};
use results::Results;
use scenario::{Scale, Scenario, VIOLATIONS};
use table::{Limits, Tables};

/// A connection is a file on either side.
const FILES: u64 = 200_000;
/// What a process has open besides its connections.
const OTHER_FILES: u64 = 200;

/// Compares Chorus with what its users would run instead, and prints tables of medians.
///
/// Exits with 1 if Chorus failed, or lost, doubled or inverted a message.
#[derive(Parser)]
#[command(name = "compare")]
struct Options {
    /// Rounds; each measures everything once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// For how many seconds messages are sent in each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections that say nothing
    #[arg(long, default_value_t = 5_000)]
    crowd: usize,
    /// Storms, crowds, rooms, replays and histories are so much smaller
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    less: u64,
    /// One short round, to see that all of it works
    #[arg(long)]
    quick: bool,
    /// Only these contenders
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Contender>,
    /// Only these loads
    #[arg(long, value_enum, value_delimiter = ',')]
    load: Vec<Scenario>,
    /// Where results, pictures, logs and databases go: a disk
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// The folder of the Node.js system
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
    fs::write(options.out.join("compare.svg"), chart::beside(&results))?;
    fs::write(options.out.join("growth.svg"), chart::growth(&results))?;
    let conditions = json!({
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": fs::read_to_string("/proc/version").unwrap_or_default().trim(),
        "loadAtEnd": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
        "rounds": options.rounds(),
        "seconds": options.seconds(),
        "files": files,
        "less": options.scale(files).less,
        "crowd": options.scale(files).crowd,
    });
    let all = json!({ "conditions": conditions, "results": results.to_json() });
    fs::write(options.out.join("compare.json"), serde_json::to_string_pretty(&all)?)?;
    println!("\n{} has all rounds and pictures", options.out.display());
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
        let (crowd, less) = if self.quick { (1_000, 20) } else { (self.crowd, self.less) };
        let most = files.saturating_sub(OTHER_FILES);
        Scale { duration: Duration::from_secs(self.seconds()), crowd, less, most }
    }
}

/// Each round takes the contenders one after the other under each load, so that what changes on the machine meets all.
async fn compare(options: &Options, files: u64) -> anyhow::Result<Results> {
    let programs = std::env::current_exe()?.parent().context("programs are in a folder")?.to_owned();
    fs::create_dir_all(&options.out)?;
    let place = Place { programs, node: options.node.clone(), out: fs::canonicalize(&options.out)? };
    let mut results = Results::default();
    for round in 1..=options.rounds() {
        for scenario in chosen(&options.load, Scenario::value_variants()) {
            for contender in chosen(&options.only, Contender::value_variants()) {
                if !scenario.suits(contender) || (scenario.is_long() && 1 < round) {
                    continue;
                }
                eprint!("round {round}: {} under {} … ", contender.name(), scenario.name());
                let numbers = scenario.run(contender, &place, options.scale(files)).await;
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

/// Whether Chorus kept its promises in every round.
fn is_clean(results: &Results) -> bool {
    let rows = results.0.iter().filter(|((_, contender), _)| contender.is_chorus());
    rows.map(|(_, row)| row).all(|row| {
        let violations = row.numbers.iter().filter(|(name, _)| *name == VIOLATIONS);
        row.failures.is_empty() && violations.flat_map(|(_, rounds)| rounds).all(|count| *count == 0.0)
    })
}

/// As many files as root may have, or as many as this user may; the servers inherit it.
fn raise_files() -> u64 {
    let limit = Rlimit { current: Some(FILES), maximum: Some(FILES) };
    if setrlimit(Resource::Nofile, limit).is_err() {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(FILES)
}
