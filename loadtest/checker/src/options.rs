//! Command-line options.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::{fault::Fault, target::Target};

/// The namespace that clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Namespace {
    /// `/chat`, the native protocol.
    Chat,
    /// `/`, the tutorial's contract.
    Tutorial,
    /// Clients alternate between the two.
    Mixed,
}

/// The transport that clients use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Websocket from the start.
    Websocket,
    /// HTTP long-polling without an upgrade.
    Polling,
    /// Half of the clients each.
    Mixed,
}

/// Sends load to a chat stack as real Socket.IO clients do, and judges every delivery.
///
/// Exit codes: 0 if every acked message reached every client exactly once and in one order, 1 if not, 2 if there
/// is no verdict.
#[derive(Clone, Debug, Parser)]
#[command(name = "chorus-load", version)]
pub struct Options {
    /// The stack (http://HOST:PORT): a balancer, or several nodes, over which clients are spread
    #[arg(required = true, value_name = "URL")]
    pub urls: Vec<Target>,
    /// Number of clients; each receives every message of its room
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub clients: u32,
    /// Number of clients that also send [default: all]
    #[arg(long)]
    pub senders: Option<u32>,
    /// Messages per second of all senders together (open loop: slow answers do not slow it down)
    #[arg(long, default_value_t = 100.0, conflicts_with = "in_flight", value_parser = positive)]
    pub rate: f64,
    /// Unanswered messages that each sender keeps in flight, instead of a rate
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub in_flight: Option<u32>,
    /// How long to send
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// How long to wait for outstanding messages after that, at most
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub settle: Duration,
    /// Namespace of the clients
    #[arg(long, value_enum, default_value_t = Namespace::Chat)]
    pub namespace: Namespace,
    /// Transport of the clients
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,
    /// Room of the clients on `/chat`; those on `/` are always in `lobby`
    #[arg(long, default_value = "lobby")]
    pub room: String,
    /// Number of rooms to spread the clients over: ROOM-1, ROOM-2, …
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rooms: u32,
    /// Minimum length of a message text, in bytes
    #[arg(long, default_value_t = 64)]
    pub text_bytes: usize,
    /// Clients that connect per second at the start
    #[arg(long, default_value_t = 500.0, value_parser = positive)]
    pub connect_rate: f64,
    /// First pause before a client reconnects; doubles with each failure
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    pub backoff_min: Duration,
    /// Longest pause before a client reconnects
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub backoff_max: Duration,
    /// How long a sender waits for an answer before it retries
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub ack_timeout: Duration,
    /// Do not count messages without an answer at the end as a violation
    #[arg(long)]
    pub allow_unacked: bool,
    /// Require at least this many nodes, and deliveries between each pair of nodes
    #[arg(long)]
    pub expect_nodes: Option<usize>,
    /// Inject a fault into one client's deliveries, to prove that the verdict can fail
    #[arg(long, value_enum)]
    pub plant: Option<Fault>,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Also write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() && 0.0 < number { Ok(number) } else { Err("must be more than 0".to_owned()) }
}

impl Options {
    /// The names of all rooms of the run.
    #[must_use]
    pub fn room_names(&self) -> Vec<String> {
        match (self.namespace, self.rooms) {
            (Namespace::Tutorial, _) => vec![LOBBY.to_owned()],
            (_, 1) => self.with_lobby(vec![self.room.clone()]),
            (_, rooms) => self.with_lobby((1..=rooms).map(|n| format!("{}-{n}", self.room)).collect()),
        }
    }

    fn with_lobby(&self, mut rooms: Vec<String>) -> Vec<String> {
        if self.namespace == Namespace::Mixed && !rooms.iter().any(|room| room == LOBBY) {
            rooms.push(LOBBY.to_owned());
        }
        rooms
    }

    /// The number of senders.
    #[must_use]
    pub fn sender_count(&self) -> u32 {
        self.senders.map_or(self.clients, |senders| senders.min(self.clients))
    }
}

/// The only room of namespace `/`.
pub const LOBBY: &str = "lobby";
