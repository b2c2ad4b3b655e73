//! How often each fault began, and how often it did something.

use std::fmt;

/// What can go wrong in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    HintLost,
    HintLate,
    HintRepeated,
    BusDown,
    LogBusy,
    LogFailing,
    LogUnknown,
    LogSlow,
    LogUnreadable,
    Crash,
    CrashAtCommit,
    SocketSlow,
    SocketStalled,
    ClientVanished,
    ClientVanishedUnnoticed,
    ClockForward,
    ClockBack,
    ClockRestless,
    /// Not faults of their own, but what follows from them.
    DiedBeforeAck,
    DiedBeforePublish,
    UnknownStored,
    UnknownStoredLater,
    QueueFull,
    BufferFull,
    SessionCut,
}

impl Effect {
    pub(crate) const ALL: [(Self, &str); 25] = [
        (Self::HintLost, "hints lost"),
        (Self::HintLate, "hints late, overtaken by others"),
        (Self::HintRepeated, "hints repeated"),
        (Self::BusDown, "bus down"),
        (Self::LogBusy, "log busy"),
        (Self::LogFailing, "log cannot be written"),
        (Self::LogUnknown, "log fails half way"),
        (Self::LogSlow, "log slow"),
        (Self::LogUnreadable, "log cannot be read"),
        (Self::Crash, "node dies at some await point"),
        (Self::CrashAtCommit, "node dies right after a commit"),
        (Self::SocketSlow, "socket slow"),
        (Self::SocketStalled, "socket stalled"),
        (Self::ClientVanished, "client vanishes and returns"),
        (Self::ClientVanishedUnnoticed, "the same, and its node does not notice"),
        (Self::ClockForward, "clock set forward"),
        (Self::ClockBack, "clock set back"),
        (Self::ClockRestless, "clock set at each look at it"),
        (Self::DiedBeforeAck, "died between commit and ack"),
        (Self::DiedBeforePublish, "died between commit and publish"),
        (Self::UnknownStored, "failed half way, and was stored"),
        (Self::UnknownStoredLater, "failed half way, and was stored later"),
        (Self::QueueFull, "post refused, since the socket's queue was full"),
        (Self::BufferFull, "socket took less than it was offered"),
        (Self::SessionCut, "session cut, since its socket took nothing"),
    ];
}

/// The counts of one run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    begun: [u64; Effect::ALL.len()],
    struck: [u64; Effect::ALL.len()],
}

impl Tally {
    pub(crate) fn begun(&mut self, what: Effect) {
        self.begun[what as usize] += 1;
    }

    pub(crate) fn struck(&mut self, what: Effect) {
        self.struck[what as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let sums = self.begun.iter_mut().chain(&mut self.struck).zip(other.begun.iter().chain(&other.struck));
        sums.for_each(|(sum, more)| *sum += more);
    }

    /// All counts, to be read by [`from_numbers`](Self::from_numbers).
    pub(crate) fn to_line(&self) -> String {
        let counts = self.begun.iter().chain(&self.struck);
        counts.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// `None` unless they are as many as there are counts.
    pub(crate) fn from_numbers(numbers: impl Iterator<Item = u64>) -> Option<Self> {
        let numbers: Vec<_> = numbers.collect();
        let (begun, struck) = numbers.split_at_checked(Effect::ALL.len())?;
        Some(Self { begun: begun.try_into().ok()?, struck: struck.try_into().ok()? })
    }

    /// Faults that began.
    pub(crate) fn faults(&self) -> u64 {
        self.begun.iter().sum()
    }

    /// What never struck.
    pub(crate) fn absent(&self) -> Vec<&'static str> {
        Effect::ALL
            .into_iter()
            .filter(|(what, _)| self.struck[*what as usize] == 0)
            .map(|(_, name)| name)
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:50} {:>9} {:>9}", "fault", "begun", "struck")?;
        for (what, name) in Effect::ALL {
            let begun = match self.begun[what as usize] {
                0 => String::new(),
                begun => begun.to_string(),
            };
            writeln!(f, "  {name:50} {begun:>9} {:>9}", self.struck[what as usize])?;
        }
        Ok(())
    }
}
