//! Injects a fault into what one client shows, to prove that the verdict can fail.

use clap::ValueEnum;

/// A fault in one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Drops the message.
    Loss,
    /// Shows the message twice.
    Repeat,
    /// Shows the message after the one that follows it.
    Swap,
}

/// The index, from 0, of the delivery that gets the fault.
const FAULTY_DELIVERY: u64 = 3;

/// Passes one client's deliveries on to the judge and injects the fault, if there is one.
#[derive(Debug)]
pub(crate) struct FaultInjector<T> {
    fault: Option<Fault>,
    count: u64,
    held: Option<T>,
}

impl<T: Clone> FaultInjector<T> {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault, count: 0, held: None }
    }

    pub(crate) fn pass(&mut self, event: T, mut show: impl FnMut(T)) {
        let count = self.count;
        self.count += 1;
        match self.fault.filter(|_| count == FAULTY_DELIVERY) {
            Some(Fault::Loss) => {}
            Some(Fault::Repeat) => {
                show(event.clone());
                show(event);
            }
            Some(Fault::Swap) => self.held = Some(event),
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
        for (fault, wanted) in [
            (None, vec![0, 1, 2, 3, 4, 5]),
            (Some(Fault::Loss), vec![0, 1, 2, 4, 5]),
            (Some(Fault::Repeat), vec![0, 1, 2, 3, 3, 4, 5]),
            (Some(Fault::Swap), vec![0, 1, 2, 4, 3, 5]),
        ] {
            let (mut injector, mut shown) = (FaultInjector::new(fault), Vec::new());
            (0..6).for_each(|event| injector.pass(event, |event| shown.push(event)));
            assert_eq!(shown, wanted, "{fault:?}");
        }
    }
}
