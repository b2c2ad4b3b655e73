//! What is asked for on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::{plant::Plant, target::Target};

/// Which namespace clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Namespace {
    /// `/chat`, the native protocol.
    Chat,
    /// `/`, the tutorial's contract.
    Tutorial,
    /// Every other client each.
    Mixed,
}

/// Which transport clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// A websocket from the first byte.
    Websocket,
    /// HTTP long-polling, without an upgrade.
    Polling,
    /// Every other pair of clients each.
    Mixed,
}

/// Sends load to a chat stack as real Socket.IO clients do, and judges every delivery.
///
/// Exits with 0 if every acked message reached every client exactly once and in one order, with 1 if
/// not, with 2 if that could not be found out.
#[derive(Clone, Debug, Parser)]
#[command(name = "chorus-load", version)]
pub struct Options {
    /// Where the stack is (http://HOST:PORT): a balancer, or several nodes, to which clients are dealt
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<Target>,
    /// Clients; all of them show what is said
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Clients that send as well [default: all]
    #[arg(long)]
    pub senders: Option<u32>,
    /// Messages a second of all senders together, each at its time whatever the answers do
    #[arg(long, default_value_t = 100.0, conflicts_with = "in_flight", value_parser = positive)]
    pub rate: f64,
    /// Instead of a rate: each sender has so many unanswered messages under way
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub in_flight: Option<u32>,
    /// How long messages are sent
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// How long after that everything outstanding is waited for, at most
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// The namespace that clients use
    #[arg(long, value_enum, default_value_t = Namespace::Chat)]
    pub namespace: Namespace,
    /// The transport that clients use
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,
    /// The room; clients on `/` are in `lobby`, whatever this is
    #[arg(long, default_value = "lobby")]
    pub room: String,
    /// Rooms, each with its share of the clients: ROOM-1, ROOM-2, …
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Texts are at least so long
    #[arg(long, default_value_t = 64)]
    pub text_bytes: usize,
    /// Clients that connect a second, at the beginning
    #[arg(long, default_value_t = 500.0, value_parser = positive)]
    pub connect_rate: f64,
    /// The first pause before a client connects again; it doubles with each failure
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    pub backoff_min: Duration,
    /// The longest of these pauses
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub backoff_max: Duration,
    /// How long a sender waits for an answer before it sends again
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub ack_timeout: Duration,
    /// Messages without an answer at the end are no violation
    #[arg(long)]
    pub allow_unacked: bool,
    /// It is a violation if fewer nodes were seen, or two between which nothing was delivered
    #[arg(long)]
    pub expect_nodes: Option<usize>,
    /// Falsifies what one client shows, so that the verdict is seen to fail
    #[arg(long, value_enum)]
    pub plant: Option<Plant>,
    /// Prints the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Writes the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() && 0.0 < number { Ok(number) } else { Err("must be more than 0".to_owned()) }
}

impl Options {
    /// The names of the rooms that clients are in.
    #[must_use]
    pub fn room_names(&self) -> Vec<String> {
        match (self.namespace, self.rooms) {
            (Namespace::Tutorial, _) => vec![LOBBY.to_owned()],
            (_, 1) => self.with_lobby(vec![self.room.clone()]),
            (_, rooms) => self.with_lobby((1..=rooms).map(|n| format!("{}-{n}", self.room)).collect()),
        }
    }

    /// Clients on `/` need the lobby.
    fn with_lobby(&self, mut rooms: Vec<String>) -> Vec<String> {
        if self.namespace == Namespace::Mixed && !rooms.iter().any(|room| room == LOBBY) {
            rooms.push(LOBBY.to_owned());
        }
        rooms
    }

    /// How many clients send.
    #[must_use]
    pub fn sender_count(&self) -> u32 {
        self.senders.map_or(self.clients, |senders| senders.min(self.clients))
    }
}

/// The room of namespace `/`.
pub const LOBBY: &str = "lobby";
