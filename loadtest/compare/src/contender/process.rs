//! A contender's process: starts, measures and kills it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

/// How long a process may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The unit of times in `/proc`, which is fixed on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
}

impl Process {
    /// Starts a process and waits until it listens on `port`. Its output goes to the file `log`.
    ///
    /// # Errors
    ///
    /// It cannot be started, exits, or does not listen in time.
    pub(crate) async fn start(mut command: Command, port: u16, log: &Path) -> anyhow::Result<Self> {
        let output = fs::File::create(log).with_context(|| log.display().to_string())?;
        let named = format!("{:?}", command.as_std().get_program());
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {named}"))?;
        let mut process = Self { child, addr: (Ipv4Addr::LOCALHOST, port).into() };
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(process.addr).await.is_err() {
            let exited = process.child.try_wait()?;
            ensure!(exited.is_none(), "{named} exited at once; see {}", log.display());
            ensure!(Instant::now() < deadline, "{named} does not listen on its port; see {}", log.display());
            sleep(POLL_INTERVAL).await;
        }
        Ok(process)
    }

    /// Kills the process with SIGKILL.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let pid = self.child.id().context("the process has exited")?;
        Ok(fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }

    /// CPU seconds used so far, in user and kernel mode.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The process name may contain spaces and parentheses; the fields follow the last one.
        let fields = stat.rsplit_once(')').context("stat has no name")?.1.split_whitespace();
        let times = fields.skip(11).take(2).map(str::parse::<f64>);
        let ticks = times.sum::<Result<f64, _>>().context("stat has no times")?;
        Ok(ticks / TICKS_PER_SECOND)
    }

    /// Resident memory in bytes.
    pub(crate) fn rss(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1_024.0)
    }
}

/// A port that was free just now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
