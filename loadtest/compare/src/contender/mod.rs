//! The servers that are compared, and how each is started.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueEnum;
use tokio::process::Command;

mod process;

use self::process::{Process, free_port};

/// A chat server. The number in a name is the number of processes.
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
    /// The Node.js chat: two processes on one file, with Redis.
    #[value(name = "node-2")]
    Node2,
    /// The same with a write-ahead log and a busy timeout.
    #[value(name = "node-wal-2")]
    NodeWal2,
    /// socketioxide without a log.
    Plain,
    /// The least that a broadcast can cost: bytes to sockets.
    Floor,
    /// The floor with writes batched for as long as Chorus batches at most.
    #[value(name = "floor-gathered")]
    FloorGathered,
}

impl Contender {
    /// The name on the command line and in tables.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no variant is hidden").get_name().to_owned()
    }

    pub(crate) fn process_count(self) -> usize {
        match self {
            Self::Chorus2 | Self::Node2 | Self::NodeWal2 => 2,
            Self::Chorus3 => 3,
            Self::Chorus1 | Self::Plain | Self::Floor | Self::FloorGathered => 1,
        }
    }

    /// Whether it speaks the native protocol and must not violate any promise.
    pub(crate) fn is_chorus(self) -> bool {
        matches!(self, Self::Chorus1 | Self::Chorus2 | Self::Chorus3)
    }

    /// Whether it stores what it acks.
    pub(crate) fn is_durable(self) -> bool {
        self.is_chorus() || matches!(self, Self::Node2 | Self::NodeWal2)
    }
}

/// Folders of programs and output.
pub(crate) struct Paths {
    /// The built programs.
    pub(crate) programs: PathBuf,
    /// The Node.js chat.
    pub(crate) node: PathBuf,
    /// Logs and databases; must be on a disk.
    pub(crate) out: PathBuf,
}

/// A running contender, which started with an empty history.
pub(crate) struct RunningContender {
    pub(crate) processes: Vec<Process>,
    /// URLs of proxies that clients use instead of the processes' own, if not empty.
    pub(crate) proxies: Vec<String>,
    /// chorus-load's option for when to retry an unanswered message.
    pub(crate) ack_timeout: &'static str,
    _redis: Option<Process>,
}

impl RunningContender {
    /// Starts a contender.
    ///
    /// # Errors
    ///
    /// One of its processes does not start.
    pub(crate) async fn start(contender: Contender, paths: &Paths) -> anyhow::Result<Self> {
        let data = paths.out.join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data)?;
        let redis = match contender.process_count() {
            1 => None,
            _ => Some(redis(&data).await?),
        };
        let redis_url = redis.as_ref().map(|redis| format!("redis://{}", redis.addr));
        let mut processes = Vec::new();
        for number in 1..=contender.process_count() {
            let port = free_port()?;
            let mut command = command(contender, paths, &data);
            command.env("PORT", port.to_string());
            if let Some(url) = &redis_url {
                command.env("REDIS_URL", url);
            }
            let log = paths.out.join(format!("{}-{number}.log", contender.name()));
            processes.push(Process::start(command, port, &log).await?);
        }
        // Early, so that a lost ack does not block its sender for long. A contender without a log would show
        // the retry as a second message, and loses no ack anyway.
        let ack_timeout = if contender.is_durable() { "--ack-timeout=2s" } else { "--ack-timeout=60s" };
        Ok(Self { processes, proxies: Vec::new(), ack_timeout, _redis: redis })
    }

    /// CPU seconds of all processes, without Redis.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        self.processes.iter().map(Process::cpu).sum()
    }

    /// CPU seconds of the processes that still run.
    pub(crate) fn cpu_of_living(&self) -> f64 {
        self.processes.iter().filter_map(|process| process.cpu().ok()).sum()
    }

    /// Resident memory of all processes in bytes.
    pub(crate) fn rss(&self) -> anyhow::Result<f64> {
        self.processes.iter().map(Process::rss).sum()
    }

    /// The URLs that clients connect to.
    pub(crate) fn urls(&self) -> Vec<String> {
        if !self.proxies.is_empty() {
            return self.proxies.clone();
        }
        self.processes.iter().map(|process| format!("http://{}", process.addr)).collect()
    }
}

async fn redis(data: &Path) -> anyhow::Result<Process> {
    let port = free_port()?;
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.current_dir(data);
    Process::start(command, port, &data.join("redis.log")).await.context("Redis")
}

fn command(contender: Contender, paths: &Paths, data: &Path) -> Command {
    let program = |name: &str| Command::new(paths.programs.join(name));
    match contender {
        Contender::Chorus1 | Contender::Chorus2 | Contender::Chorus3 => {
            let mut command = program("chorus");
            command.env("DATABASE_URL", format!("sqlite://{}", data.join("chat.db").display()));
            // Some loads have more connections than the default allows.
            command.env("CHORUS_SERVER__HOST", "127.0.0.1").env("CHORUS_SERVER__MAX_CONNECTIONS", "100000");
            command
        }
        Contender::Node2 | Contender::NodeWal2 => {
            let mut command = Command::new("node");
            command.arg(paths.node.join("server.js")).env("DATABASE", data.join("chat.db"));
            if contender == Contender::NodeWal2 {
                command.env("WAL", "1");
            }
            command
        }
        Contender::Plain => program("compare-plain"),
        Contender::Floor => program("compare-floor"),
        Contender::FloorGathered => {
            let mut command = program("compare-floor");
            // WAIT_MAX of Chorus's WakeThrottle.
            command.env("GATHER_MS", "20");
            command
        }
    }
}
