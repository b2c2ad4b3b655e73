//! Faults between the socket and the judge of one client: they show that the verdict can fail.

use clap::ValueEnum;

/// What is done to one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// It is dropped.
    Loss,
    /// It is shown twice.
    Repeat,
    /// It is shown after the one that follows it.
    Swap,
}

/// The client's how many'th message it is, from 0.
const VICTIM: u64 = 3;

/// One client's events on their way to the judge.
#[derive(Debug)]
pub struct Planted<T> {
    plant: Option<Plant>,
    count: u64,
    held: Option<T>,
}

impl<T: Clone> Planted<T> {
    /// Passes everything on but for what is planted.
    #[must_use]
    pub fn new(plant: Option<Plant>) -> Self {
        Self { plant, count: 0, held: None }
    }

    /// What is shown now that this event came.
    pub fn pass(&mut self, event: T, mut show: impl FnMut(T)) {
        let count = self.count;
        self.count += 1;
        match self.plant.filter(|_| count == VICTIM) {
            Some(Plant::Loss) => {}
            Some(Plant::Repeat) => {
                show(event.clone());
                show(event);
            }
            Some(Plant::Swap) => self.held = Some(event),
            None => {
                show(event);
                self.held.take().into_iter().for_each(show);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_lost_repeated_or_swapped() {
        for (plant, wanted) in [
            (None, vec![0, 1, 2, 3, 4, 5]),
            (Some(Plant::Loss), vec![0, 1, 2, 4, 5]),
            (Some(Plant::Repeat), vec![0, 1, 2, 3, 3, 4, 5]),
            (Some(Plant::Swap), vec![0, 1, 2, 4, 3, 5]),
        ] {
            let (mut planted, mut shown) = (Planted::new(plant), Vec::new());
            (0..6).for_each(|event| planted.pass(event, |event| shown.push(event)));
            assert_eq!(shown, wanted, "{plant:?}");
        }
    }
}
