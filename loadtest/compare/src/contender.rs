//! What is compared, and how each is started.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::process::Command;

use crate::server::{Server, free_port};

/// A chat server, with as many processes as its name says; 1 without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Contender {
    /// One node, with its own log and no Redis.
    #[value(name = "chorus-1")]
    Chorus1,
    /// Two nodes on one log, with Redis.
    #[value(name = "chorus-2")]
    Chorus2,
    /// Three nodes on one log, with Redis.
    #[value(name = "chorus-3")]
    Chorus3,
    /// The Node.js system: two processes on one file, with Redis.
    #[value(name = "node-2")]
    Node2,
    /// The same with a write-ahead log and a busy timeout.
    #[value(name = "node-wal-2")]
    NodeWal2,
    /// socketioxide as it comes: no log, no order.
    Plain,
    /// Bytes to sockets.
    Floor,
    /// The same, gathered for as long as Chorus gathers at most.
    #[value(name = "floor-gathered")]
    FloorGathered,
}

impl Contender {
    /// As it is called in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("none is hidden").get_name().to_owned()
    }

    /// How many processes it has.
    pub(crate) fn processes(self) -> usize {
        match self {
            Self::Chorus2 | Self::Node2 | Self::NodeWal2 => 2,
            Self::Chorus3 => 3,
            Self::Chorus1 | Self::Plain | Self::Floor | Self::FloorGathered => 1,
        }
    }

    /// Whether it speaks the native protocol, and must be without fault.
    pub(crate) fn is_chorus(self) -> bool {
        matches!(self, Self::Chorus1 | Self::Chorus2 | Self::Chorus3)
    }

    /// Whether it keeps what it acks.
    pub(crate) fn keeps(self) -> bool {
        self.is_chorus() || matches!(self, Self::Node2 | Self::NodeWal2)
    }
}

/// Where programs and files are.
pub(crate) struct Place {
    /// The folder of the built programs.
    pub(crate) programs: PathBuf,
    /// The Node.js system.
    pub(crate) node: PathBuf,
    /// For logs and databases, on a disk.
    pub(crate) out: PathBuf,
}

/// A contender that runs, with its own empty history.
pub(crate) struct Running {
    /// Its processes.
    pub(crate) servers: Vec<Server>,
    /// Where clients go, if not to the processes themselves.
    pub(crate) ways: Vec<String>,
    /// After what time chorus-load sends an unanswered message again, as its option: sooner than by default,
    /// so that a lost ack does not stop its sender for long.
    pub(crate) ack_timeout: &'static str,
    _redis: Option<Server>,
}

impl Running {
    /// Starts a contender.
    ///
    /// # Errors
    ///
    /// One of its processes does not come up.
    pub(crate) async fn start(contender: Contender, place: &Place) -> anyhow::Result<Self> {
        let data = place.out.join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data)?;
        let redis = match contender.processes() {
            1 => None,
            _ => Some(redis(&data).await?),
        };
        let redis_url = redis.as_ref().map(|redis| format!("redis://{}", redis.addr));
        let mut servers = Vec::new();
        for number in 1..=contender.processes() {
            let port = free_port()?;
            let mut command = command(contender, place, &data);
            command.env("PORT", port.to_string());
            if let Some(url) = &redis_url {
                command.env("REDIS_URL", url);
            }
            let log = place.out.join(format!("{}-{number}.log", contender.name()));
            servers.push(Server::start(command, port, &log).await?);
        }
        Ok(Self { servers, ways: Vec::new(), ack_timeout: "--ack-timeout=2s", _redis: redis })
    }

    /// CPU seconds of all its processes; Redis' are not among them.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        self.servers.iter().map(Server::cpu).sum()
    }

    /// The same of those that are left.
    pub(crate) fn cpu_of_living(&self) -> f64 {
        self.servers.iter().filter_map(|server| server.cpu().ok()).sum()
    }

    /// Bytes of memory of all its processes.
    pub(crate) fn rss(&self) -> anyhow::Result<f64> {
        self.servers.iter().map(Server::rss).sum()
    }

    /// Where clients reach it.
    pub(crate) fn urls(&self) -> Vec<String> {
        if !self.ways.is_empty() {
            return self.ways.clone();
        }
        self.servers.iter().map(|server| format!("http://{}", server.addr)).collect()
    }
}

async fn redis(data: &Path) -> anyhow::Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.current_dir(data);
    Server::start(command, port, &data.join("redis.log")).await.context("Redis")
}

fn command(contender: Contender, place: &Place, data: &Path) -> Command {
    let program = |name: &str| Command::new(place.programs.join(name));
    match contender {
        Contender::Chorus1 | Contender::Chorus2 | Contender::Chorus3 => {
            let mut command = program("chorus");
            command.env("DATABASE_URL", format!("sqlite://{}", data.join("chat.db").display()));
            // A crowd is measured beyond the default.
            command.env("CHORUS_SERVER__HOST", "127.0.0.1").env("CHORUS_SERVER__MAX_CONNECTIONS", "100000");
            command
        }
        Contender::Node2 | Contender::NodeWal2 => {
            let mut command = Command::new("node");
            command.arg(place.node.join("server.js")).env("DATABASE", data.join("chat.db"));
            if contender == Contender::NodeWal2 {
                command.env("WAL", "1");
            }
            command
        }
        Contender::Plain => program("compare-plain"),
        Contender::Floor => program("compare-floor"),
        Contender::FloorGathered => {
            let mut command = program("compare-floor");
            // WAIT_MAX of src/chat/gather.rs.
            command.env("GATHER_MS", "20");
            command
        }
    }
}
