//! Processes: how one is started, waited for, measured and ended.

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

/// How long a process may take until it listens.
const START_PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);
/// Of the times in `/proc`: Linux gives them in hundredths of a second to every program.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts a process that listens on a port of this machine, and waits until it does. What it says goes to a file.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends at once, or does not listen.
    pub(crate) async fn start(mut command: Command, port: u16, log: &Path) -> anyhow::Result<Self> {
        let said = fs::File::create(log).with_context(|| log.display().to_string())?;
        let named = format!("{:?}", command.as_std().get_program());
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{named} cannot be started"))?;
        let mut server = Self { child, addr: (Ipv4Addr::LOCALHOST, port).into() };
        let deadline = Instant::now() + START_PATIENCE;
        while TcpStream::connect(server.addr).await.is_err() {
            let ended = server.child.try_wait()?;
            ensure!(ended.is_none(), "{named} ended at once; see {}", log.display());
            ensure!(Instant::now() < deadline, "{named} does not listen; see {}", log.display());
            sleep(LOOK).await;
        }
        Ok(server)
    }

    /// Ends it without a warning.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let pid = self.child.id().context("the process is gone")?;
        Ok(fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }

    /// CPU seconds that it has used, the kernel's for it included.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        // The name before it may have spaces, and ends with the last parenthesis.
        let fields = stat.rsplit_once(')').context("stat has no name")?.1.split_whitespace();
        let times = fields.skip(11).take(2).map(str::parse::<f64>);
        let ticks = times.sum::<Result<f64, _>>().context("stat has no times")?;
        Ok(ticks / TICKS_PER_SECOND)
    }

    /// Bytes of memory that it occupies.
    pub(crate) fn rss(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1_024.0)
    }
}

/// A port that was free a moment ago.
///
/// # Errors
///
/// None is.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
