//! Counts how often each fault began, and how often it took effect.

use std::fmt;

/// Everything that can go wrong: the faults, and what follows from them.
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
    ClockErratic,
    /// This and the following ones are not injected: they follow from faults.
    KilledBeforeAck,
    KilledBeforePublish,
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
        (Self::LogUnknown, "log fails during a commit"),
        (Self::LogSlow, "log slow"),
        (Self::LogUnreadable, "log cannot be read"),
        (Self::Crash, "node killed at some await point"),
        (Self::CrashAtCommit, "node killed right after a commit"),
        (Self::SocketSlow, "socket slow"),
        (Self::SocketStalled, "socket stalled"),
        (Self::ClientVanished, "client disconnects and returns"),
        (Self::ClientVanishedUnnoticed, "the same, unnoticed by its node"),
        (Self::ClockForward, "clock set forward"),
        (Self::ClockBack, "clock set back"),
        (Self::ClockErratic, "clock set at each reading"),
        (Self::KilledBeforeAck, "killed between commit and ack"),
        (Self::KilledBeforePublish, "killed between commit and publish"),
        (Self::UnknownStored, "unknown outcome, stored"),
        (Self::UnknownStoredLater, "unknown outcome, stored later"),
        (Self::QueueFull, "post refused, the socket's queue was full"),
        (Self::BufferFull, "socket took less than it was offered"),
        (Self::SessionCut, "session cut, its socket took nothing"),
    ];
}

/// The counts of one simulation, or the sums of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EffectCounts {
    begun: [u64; Effect::ALL.len()],
    took_effect: [u64; Effect::ALL.len()],
}

impl EffectCounts {
    pub(crate) fn count_begun(&mut self, effect: Effect) {
        self.begun[effect as usize] += 1;
    }

    pub(crate) fn count_effect(&mut self, effect: Effect) {
        self.took_effect[effect as usize] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let sums = self
            .begun
            .iter_mut()
            .chain(&mut self.took_effect)
            .zip(other.begun.iter().chain(&other.took_effect));
        sums.for_each(|(sum, more)| *sum += more);
    }

    /// All counts as one line, for [`from_numbers`](Self::from_numbers).
    pub(crate) fn to_line(&self) -> String {
        let counts = self.begun.iter().chain(&self.took_effect);
        counts.map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Parses what [`to_line`](Self::to_line) wrote; `None` if the number of counts differs.
    pub(crate) fn from_numbers(numbers: impl Iterator<Item = u64>) -> Option<Self> {
        let numbers: Vec<_> = numbers.collect();
        let (begun, took_effect) = numbers.split_at_checked(Effect::ALL.len())?;
        Some(Self { begun: begun.try_into().ok()?, took_effect: took_effect.try_into().ok()? })
    }

    /// The number of faults that began.
    pub(crate) fn faults(&self) -> u64 {
        self.begun.iter().sum()
    }

    /// The effects that never occurred.
    pub(crate) fn absent(&self) -> Vec<&'static str> {
        Effect::ALL
            .into_iter()
            .filter(|(effect, _)| self.took_effect[*effect as usize] == 0)
            .map(|(_, name)| name)
            .collect()
    }
}

impl fmt::Display for EffectCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:50} {:>9} {:>9}", "fault or effect", "begun", "effects")?;
        for (effect, name) in Effect::ALL {
            let begun = match self.begun[effect as usize] {
                0 => String::new(),
                begun => begun.to_string(),
            };
            writeln!(f, "  {name:50} {begun:>9} {:>9}", self.took_effect[effect as usize])?;
        }
        Ok(())
    }
}
