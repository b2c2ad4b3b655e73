//! Keeps the progress through a range of seeds, so that an interrupted run can continue.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{effects::EffectCounts, history::Outcome, seeds::print};

/// Seeds between two writes of the progress.
const WRITE_EVERY: u64 = 100;
/// Seeds between two printed lines.
const PRINT_EVERY: u64 = 1_000;

/// The totals of some seeds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) seeds: u64,
    pub(crate) delivered: u64,
    pub(crate) effects: EffectCounts,
}

impl Sum {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.delivered += other.delivered;
        self.effects.add(&other.effects);
    }
}

impl From<Outcome> for Sum {
    fn from(outcome: Outcome) -> Self {
        Self { seeds: 1, delivered: outcome.verdict.delivered, effects: outcome.effects }
    }
}

/// The seeds of a range that have passed, with their totals.
pub(crate) struct Progress {
    file: Option<PathBuf>,
    first: u64,
    /// The totals of the contiguous seeds from the first one on.
    sum: Sum,
    /// Seeds that have passed beyond the first one that has not.
    beyond: BTreeMap<u64, Sum>,
}

impl Progress {
    /// Starts at the range's beginning, without a file.
    pub(crate) fn new(seeds: &Range<u64>) -> Self {
        Self { file: None, first: seeds.start, sum: Sum::default(), beyond: BTreeMap::new() }
    }

    /// Continues where the same program was interrupted in the same range.
    pub(crate) fn kept(folder: &Path, seeds: &Range<u64>) -> Self {
        let file = folder.join(format!("{}-{}-{:016x}.progress", seeds.start, seeds.end, program()));
        let sum = fs::read_to_string(&file).ok().as_deref().and_then(read).unwrap_or_default();
        Self { file: Some(file), sum, ..Self::new(seeds) }
    }

    /// The seed to continue with.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.sum.seeds
    }

    /// Adds a seed that has passed.
    pub(crate) fn passed(&mut self, seed: u64, outcome: Outcome) {
        self.beyond.insert(seed, outcome.into());
        while let Some(sum) = self.beyond.remove(&self.next()) {
            self.sum.add(&sum);
            if let Some(file) = self.file.as_ref().filter(|_| self.sum.seeds.is_multiple_of(WRITE_EVERY)) {
                let Sum { seeds, delivered, effects } = &self.sum;
                let text = format!("{seeds} {delivered} {}", effects.to_line());
                fs::write(file, text).expect("the progress can be written");
                if seeds.is_multiple_of(PRINT_EVERY) {
                    print(&format!("{seeds} seeds passed"));
                }
            }
        }
    }

    /// The totals. A finished range starts from its beginning the next time.
    pub(crate) fn finish(mut self, end: u64) -> Sum {
        if let Some(file) = self.file.as_ref().filter(|_| end <= self.next()) {
            let _ = fs::remove_file(file);
        }
        self.beyond.values().for_each(|sum| self.sum.add(sum));
        self.sum
    }
}

/// A hash of this program, so that the progress of another build is not continued.
fn program() -> u64 {
    let program = std::env::current_exe().and_then(fs::read).expect("this program can be read");
    let mut hash = DefaultHasher::new();
    program.hash(&mut hash);
    hash.finish()
}

fn read(text: &str) -> Option<Sum> {
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    let (seeds, delivered) = (numbers.next()?, numbers.next()?);
    Some(Sum { seeds, delivered, effects: EffectCounts::from_numbers(numbers)? })
}
