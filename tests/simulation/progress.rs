//! How far a range of seeds has come, so that a run that was stopped goes on.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{history::Outcome, seeds::say, tally::Tally};

/// It is written after each so many seeds.
const EACH: u64 = 100;
/// It is told after each so many.
const TOLD: u64 = 1_000;

/// What some seeds came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) seeds: u64,
    pub(crate) delivered: u64,
    pub(crate) tally: Tally,
}

impl Sum {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.delivered += other.delivered;
        self.tally.add(&other.tally);
    }
}

impl From<Outcome> for Sum {
    fn from(outcome: Outcome) -> Self {
        Self { seeds: 1, delivered: outcome.verdict.delivered, tally: outcome.tally }
    }
}

/// The seeds of a range that passed, and what they came to.
pub(crate) struct Progress {
    file: Option<PathBuf>,
    first: u64,
    /// Of the first seeds of the range, without a hole.
    sum: Sum,
    /// Of those that passed beyond the first one that has not.
    beyond: BTreeMap<u64, Sum>,
}

impl Progress {
    /// At a range's beginning, and kept nowhere.
    pub(crate) fn new(seeds: &Range<u64>) -> Self {
        Self { file: None, first: seeds.start, sum: Sum::default(), beyond: BTreeMap::new() }
    }

    /// Goes on where the same program was stopped in the same range.
    pub(crate) fn kept(folder: &Path, seeds: &Range<u64>) -> Self {
        let file = folder.join(format!("{}-{}-{:016x}.progress", seeds.start, seeds.end, program()));
        let sum = fs::read_to_string(&file).ok().as_deref().and_then(read).unwrap_or_default();
        Self { file: Some(file), sum, ..Self::new(seeds) }
    }

    /// Where to begin, or to go on.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.sum.seeds
    }

    /// One more seed passed.
    pub(crate) fn passed(&mut self, seed: u64, outcome: Outcome) {
        self.beyond.insert(seed, outcome.into());
        while let Some(sum) = self.beyond.remove(&self.next()) {
            self.sum.add(&sum);
            if let Some(file) = self.file.as_ref().filter(|_| self.sum.seeds.is_multiple_of(EACH)) {
                let Sum { seeds, delivered, tally } = &self.sum;
                let text = format!("{seeds} {delivered} {}", tally.to_line());
                fs::write(file, text).expect("the progress can be written");
                if seeds.is_multiple_of(TOLD) {
                    say(&format!("{seeds} seeds passed"));
                }
            }
        }
    }

    /// What all of them came to. A range that came to its end begins anew the next time.
    pub(crate) fn finish(mut self, end: u64) -> Sum {
        if let Some(file) = self.file.as_ref().filter(|_| end <= self.next()) {
            let _ = fs::remove_file(file);
        }
        self.beyond.values().for_each(|sum| self.sum.add(sum));
        self.sum
    }
}

/// This program, so that no seed is passed over that another one passed.
fn program() -> u64 {
    let program = std::env::current_exe().and_then(fs::read).expect("this program can be read");
    let mut hash = DefaultHasher::new();
    program.hash(&mut hash);
    hash.finish()
}

fn read(text: &str) -> Option<Sum> {
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    let (seeds, delivered) = (numbers.next()?, numbers.next()?);
    Some(Sum { seeds, delivered, tally: Tally::from_numbers(numbers)? })
}
