//! Runs many seeds on all cores, and reports violations and how often each fault took effect.

use std::{
    fs::{self, File},
    io::Write as _,
    ops::Range,
    panic::catch_unwind,
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use crate::{
    history::Outcome,
    progress::{Progress, Sum},
    simulation,
};

/// The seeds that `cargo test` runs.
const USUAL: Range<u64> = 0..1_000;
/// Failed seeds after which the run stops, unless `FAILURES` says otherwise.
const FAILURES_MAX: usize = 3;
/// Where progress and histories are written.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/simulation");

/// The seeds that `SEEDS` names, as `4711` or `0..10000`.
fn seeds_from_env() -> Option<Range<u64>> {
    let text = std::env::var("SEEDS").ok().filter(|text| !text.is_empty())?;
    let (from, to) = text.split_once("..").unwrap_or((&text, ""));
    let from: u64 = from.parse().unwrap_or_else(|_| panic!("SEEDS={text} is neither a seed nor a range"));
    let to = if to.is_empty() { Ok(from + 1) } else { to.parse() };
    Some(from..to.unwrap_or_else(|_| panic!("SEEDS={text} is neither a seed nor a range")))
}

/// How many seeds may fail before the run stops.
fn failures_max() -> usize {
    std::env::var("FAILURES").map_or(FAILURES_MAX, |text| text.parse().expect("FAILURES is a number"))
}

/// The outcome of a simulation without violations, or its violations.
fn check(outcome: thread::Result<Outcome>) -> Result<Outcome, Vec<String>> {
    let outcome = outcome.map_err(|_| vec!["the simulation panicked".to_owned()])?;
    let mut violations = outcome.violations();
    if outcome.verdict.offered < 500 || outcome.effects.faults() < 10 {
        violations.push("the simulation is too small".to_owned());
    }
    if violations.is_empty() { Ok(outcome) } else { Err(violations) }
}

/// Runs one seed after another until there are no more, or enough have failed.
fn work(
    next: &AtomicU64,
    end: u64,
    enough: &AtomicBool,
    results: &mpsc::Sender<(u64, thread::Result<Outcome>)>,
) {
    while !enough.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if end <= seed || results.send((seed, catch_unwind(|| simulation::run(seed, None)))).is_err() {
            return;
        }
    }
}

/// Runs seeds on all cores, continuing the progress. Returns the totals and the failed seeds.
fn run(seeds: &Range<u64>, mut progress: Progress) -> (Sum, Vec<u64>) {
    let (next, enough) = (AtomicU64::new(progress.next()), AtomicBool::new(false));
    let (to_results, results) = mpsc::channel();
    let (mut failed, failures_max) = (Vec::new(), failures_max());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (to_results, next, enough) = (to_results.clone(), &next, &enough);
            scope.spawn(move || work(next, seeds.end, enough, &to_results));
        }
        drop(to_results);
        for (seed, outcome) in results {
            match check(outcome) {
                Ok(outcome) => progress.passed(seed, outcome),
                Err(violations) => {
                    print(&format!("seed {seed}: {}", violations.join("\n  ")));
                    print(&format!("replay it with: make simulate SEEDS={seed}"));
                    failed.push(seed);
                    enough.store(failures_max <= failed.len(), Ordering::Relaxed);
                }
            }
        }
    });
    (progress.finish(seeds.end), failed)
}

/// Runs one seed and writes its history to a file.
fn replay(seed: u64) -> (Sum, Vec<u64>) {
    let path = Path::new(FOLDER).join(format!("{seed}.history"));
    let file = File::create(&path).expect("the history can be written");
    print(&format!("the history of seed {seed} is in {}", path.display()));
    match check(catch_unwind(|| simulation::run(seed, Some(file)))) {
        Ok(outcome) => (outcome.into(), Vec::new()),
        Err(violations) => {
            print(&format!("seed {seed}: {}", violations.join("\n  ")));
            (Sum::default(), vec![seed])
        }
    }
}

/// Prints past the test harness's capture, so that the summary is shown even if the test passes.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn every_seed_keeps_every_promise() {
    fs::create_dir_all(FOLDER).expect("the folder for temporary files");
    let (began, from_env) = (Instant::now(), seeds_from_env());
    let (Sum { seeds, delivered, effects }, failed) = match &from_env {
        Some(seeds) if seeds.start + 1 == seeds.end => replay(seeds.start),
        Some(seeds) => run(seeds, Progress::kept(Path::new(FOLDER), seeds)),
        None => run(&USUAL, Progress::new(&USUAL)),
    };
    print(&format!(
        "{seeds} seeds passed, with {delivered} deliveries, in {:.1?}\n{effects}",
        began.elapsed()
    ));
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
    if from_env.is_none() {
        assert!(effects.absent().is_empty(), "these never took effect: {:?}", effects.absent());
    }
}

#[test]
fn a_seed_has_the_same_history_each_time() {
    let run = || (0..16).map(|seed| simulation::run(seed, None)).collect::<Vec<_>>();
    let (first, second) = (thread::spawn(run), thread::spawn(run));
    for (seed, (first, second)) in first.join().unwrap().into_iter().zip(second.join().unwrap()).enumerate() {
        assert_eq!(first, second, "seed {seed}");
    }
}
