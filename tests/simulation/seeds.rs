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
/// After so many seeds that failed the others are left alone, unless `FAILURES` says otherwise.
const FAILURES_MAX: usize = 3;
/// Where progress and histories are.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/simulation");

/// The seeds that `SEEDS` names, as `4711` or `0..10000`.
fn asked_for() -> Option<Range<u64>> {
    let text = std::env::var("SEEDS").ok().filter(|text| !text.is_empty())?;
    let (from, to) = text.split_once("..").unwrap_or((&text, ""));
    let from: u64 = from.parse().unwrap_or_else(|_| panic!("SEEDS={text} is neither a seed nor a range"));
    let to = if to.is_empty() { Ok(from + 1) } else { to.parse() };
    Some(from..to.unwrap_or_else(|_| panic!("SEEDS={text} is neither a seed nor a range")))
}

/// How many seeds may fail before the others are left alone.
fn failures_max() -> usize {
    std::env::var("FAILURES").map_or(FAILURES_MAX, |text| text.parse().expect("FAILURES is a number"))
}

/// A world that broke no rule, or what it broke.
fn judged(outcome: thread::Result<Outcome>) -> Result<Outcome, Vec<String>> {
    let outcome = outcome.map_err(|_| vec!["the world panicked".to_owned()])?;
    let mut complaints = outcome.complaints();
    if outcome.verdict.offered < 500 || outcome.tally.faults() < 10 {
        complaints.push("the world is too small".to_owned());
    }
    if complaints.is_empty() { Ok(outcome) } else { Err(complaints) }
}

/// Runs one seed after the other, until there are no more, or enough failed.
fn work(
    next: &AtomicU64,
    end: u64,
    enough: &AtomicBool,
    results: &mpsc::Sender<(u64, thread::Result<Outcome>)>,
) {
    while !enough.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if end <= seed || results.send((seed, catch_unwind(|| world::run(seed, None)))).is_err() {
            return;
        }
    }
}

/// Runs seeds on all cores, from where the progress is; returns what they came to, and those that failed.
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
            match judged(outcome) {
                Ok(outcome) => progress.passed(seed, outcome),
                Err(complaints) => {
                    say(&format!("seed {seed}: {}", complaints.join("\n  ")));
                    say(&format!("replay it with: make simulate SEEDS={seed}"));
                    failed.push(seed);
                    enough.store(failures_max <= failed.len(), Ordering::Relaxed);
                }
            }
        }
    });
    (progress.finish(seeds.end), failed)
}

/// Runs one seed, and writes its whole history into a file.
fn replay(seed: u64) -> (Sum, Vec<u64>) {
    let path = Path::new(FOLDER).join(format!("{seed}.history"));
    let file = File::create(&path).expect("the history can be written");
    say(&format!("the history of seed {seed} is in {}", path.display()));
    match judged(catch_unwind(|| world::run(seed, Some(file)))) {
        Ok(outcome) => (outcome.into(), Vec::new()),
        Err(complaints) => {
            say(&format!("seed {seed}: {}", complaints.join("\n  ")));
            (Sum::default(), vec![seed])
        }
    }
}

/// Writes past the capture of the test harness: what was run is to be seen, also when it passed.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
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
    say(&format!("{seeds} seeds passed, with {delivered} deliveries, in {:.1?}\n{tally}", began.elapsed()));
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
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
