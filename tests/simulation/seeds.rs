//! Many seeds, on all cores: which of them break a rule, and how often each fault struck.

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
    world,
};

/// What `cargo test` runs.
const USUAL: Range<u64> = 0..1_000;
/// A run ends after so many seeds that failed, unless `FAILURES` says otherwise.
const FAILURES_MAX: usize = 3;
/// Where progress and histories are.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/simulation");

/// A seed, and what it broke.
type Failure = (u64, Vec<String>);

/// The seeds that `SEEDS` names, as `4711` or `0..10000`.
fn asked_for() -> Option<Range<u64>> {
    let text = std::env::var("SEEDS").ok().filter(|text| !text.is_empty())?;
    let (from, to) = text.split_once("..").unwrap_or((&text, ""));
    let from: u64 = from.parse().unwrap_or_else(|_| panic!("SEEDS={text} is neither a seed nor a range"));
    let to = if to.is_empty() { Ok(from + 1) } else { to.parse() };
    Some(from..to.unwrap_or_else(|_| panic!("SEEDS={text} is neither a seed nor a range")))
}

/// What a seed's world broke; of a world that panics, that.
fn complaints(seed: u64, outcome: &thread::Result<Outcome>) -> Vec<String> {
    let Ok(outcome) = outcome else { return vec!["it panicked".to_owned()] };
    let mut complaints = outcome.complaints();
    if outcome.verdict.offered < 500 || outcome.tally.faults() < 10 {
        complaints.push(format!("seed {seed} is too small a world"));
    }
    complaints
}

/// Runs seeds on all cores; those that a run before has passed are passed over.
fn run(seeds: &Range<u64>, mut progress: Progress) -> (Sum, Vec<Failure>) {
    let (next, enough) = (AtomicU64::new(progress.next()), AtomicBool::new(false));
    let (to_results, results) = mpsc::channel();
    let failures_max =
        std::env::var("FAILURES").map_or(FAILURES_MAX, |text| text.parse().expect("FAILURES is a number"));
    let mut failed = Vec::new();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (to_results, next, enough, end) = (to_results.clone(), &next, &enough, seeds.end);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if end <= seed
                        || to_results.send((seed, catch_unwind(|| world::run(seed, None)))).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(to_results);
        for (seed, outcome) in results {
            let complaints = complaints(seed, &outcome);
            match outcome {
                Ok(outcome) if complaints.is_empty() => progress.passed(seed, outcome),
                _ => {
                    say(&format!(
                        "seed {seed}: {}\nreplay it with: make simulate SEEDS={seed}",
                        complaints.join("\n  ")
                    ));
                    failed.push((seed, complaints));
                    enough.store(failures_max <= failed.len(), Ordering::Relaxed);
                }
            }
        }
    });
    (progress.finish(seeds.end), failed)
}

/// Writes past the capture of the test harness: what was run is to be seen, also when it passed.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Runs one seed, and writes its whole history into a file.
fn replay(seed: u64) -> (Sum, Vec<Failure>) {
    let path = Path::new(FOLDER).join(format!("{seed}.history"));
    let file = File::create(&path).expect("the history can be written");
    let outcome = world::run(seed, Some(file));
    say(&format!("the history of seed {seed} is in {}, its hash is {:016x}", path.display(), outcome.hash));
    let complaints = outcome.complaints();
    complaints.iter().for_each(|complaint| say(&format!("  {complaint}")));
    let failed = if complaints.is_empty() { vec![] } else { vec![(seed, complaints)] };
    (outcome.into(), failed)
}

#[test]
fn every_seed_keeps_every_promise() {
    fs::create_dir_all(FOLDER).expect("the folder for temporary files");
    let (began, asked_for) = (Instant::now(), asked_for());
    let (Sum { seeds, delivered, tally }, failed) = match &asked_for {
        Some(seeds) if seeds.start + 1 == seeds.end => replay(seeds.start),
        Some(seeds) => run(seeds, Progress::kept(Path::new(FOLDER), seeds)),
        None => run(&USUAL, Progress::new(&USUAL)),
    };
    say(&format!(
        "{seeds} seeds, {} failed, {delivered} deliveries, {:.1?}\n{tally}",
        failed.len(),
        began.elapsed()
    ));
    assert!(failed.is_empty(), "failed: {:?}", failed.iter().map(|(seed, _)| seed).collect::<Vec<_>>());
    if asked_for.is_none() {
        assert!(tally.absent().is_empty(), "these never struck: {:?}", tally.absent());
    }
}

#[test]
fn a_seed_has_the_same_history_each_time() {
    let run = || (0..16).map(|seed| world::run(seed, None)).collect::<Vec<_>>();
    let (first, second) = (thread::spawn(run), thread::spawn(run));
    for (seed, (first, second)) in first.join().unwrap().into_iter().zip(second.join().unwrap()).enumerate() {
        assert_eq!(first, second, "seed {seed}");
    }
}
