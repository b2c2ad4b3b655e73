//! The loads that contenders are measured under.

use clap::ValueEnum;

use crate::contender::Contender;

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Scenario {
    /// 500 clients on `/`, 200 messages per second.
    Fanout,
    /// 500 clients on `/`, 1,000 messages per second.
    FanoutHigh,
    /// 100 clients on `/`, each of which sends again as soon as it is answered.
    Saturation,
    /// 16 senders on `/` with 64 messages in flight each, who receive all messages.
    Ingest,
    /// The same on `/chat` without joining the room; Chorus only.
    IngestUnjoined,
    /// Idle connections.
    Idle,
    /// As many idle connections as a process may have.
    IdleMany,
    /// A process is killed, and its clients reconnect to the other one.
    Recovery,
    /// Many clients of a killed process reconnect at once, each with 100 missed messages.
    Storm,
    /// Many new clients connect at once.
    Connects,
    /// A network that breaks every connection after a second.
    Flapping,
    /// One client that missed very many messages.
    Replay,
    /// Joins and acks as the history grows.
    Growth,
    /// One room with more and more clients.
    Clients,
    /// Many clients in more and more rooms.
    Rooms,
}

impl Scenario {
    /// The name on the command line and in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no variant is hidden").get_name().to_owned()
    }

    /// Whether the contender is measured under this load.
    pub(crate) fn applies_to(self, contender: Contender) -> bool {
        match self {
            Self::Fanout | Self::FanoutHigh | Self::Saturation => true,
            Self::Ingest => contender.is_durable(),
            Self::IngestUnjoined => contender.is_chorus(),
            Self::Idle => {
                !matches!(contender, Contender::FloorGathered | Contender::NodeWal2 | Contender::Chorus3)
            }
            Self::Recovery => contender.is_durable() && 1 < contender.process_count(),
            Self::Storm | Self::Flapping | Self::Clients | Self::Rooms => contender == Contender::Chorus2,
            Self::IdleMany | Self::Connects | Self::Replay | Self::Growth => contender == Contender::Chorus1,
        }
    }

    /// Whether the load takes so long that it is measured in the first round only.
    pub(crate) fn is_long(self) -> bool {
        use Scenario::{Clients, Connects, Flapping, Growth, IdleMany, Replay, Rooms, Storm};
        matches!(self, IdleMany | Storm | Connects | Flapping | Replay | Growth | Clients | Rooms)
    }
}
