//! chorus-load as a process of its own: its verdict, and what the servers used meanwhile.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
    time::sleep,
};

use crate::contender::Running;

/// What it says when the clients are together.
const SENDING: &str = "sending";

/// A run's report, and the CPU seconds of the servers from the first message to the end.
pub(crate) struct Loaded {
    /// As chorus-load writes it.
    pub(crate) report: Value,
    /// Of all processes of the contender that are left.
    pub(crate) cpu: f64,
}

impl Loaded {
    /// A number of the report, by its JSON pointer.
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        self.report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// All violations.
    pub(crate) fn violations(&self) -> f64 {
        let counts = self.report["violations"].as_object().into_iter().flat_map(|counts| counts.values());
        counts.filter_map(Value::as_f64).sum()
    }
}

/// Runs a load. `kill_after` the first message, the last process of the contender is killed.
///
/// # Errors
///
/// There is no report: not all clients came in, or nothing was stored.
pub(crate) async fn load(
    running: &mut Running,
    programs: &Path,
    options: &[&str],
    kill_after: Option<Duration>,
) -> anyhow::Result<Loaded> {
    let mut command = Command::new(programs.join("chorus-load"));
    command.args(running.urls()).args(["--json", running.ack_timeout]).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("chorus-load cannot be started")?;
    let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut told = Vec::new();
    while let Some(line) = said.next_line().await? {
        let sends = line.ends_with(SENDING);
        told.push(line);
        if sends {
            break;
        }
    }
    let before = running.cpu()?;
    let mut used_by_killed = 0.0;
    let rest = async {
        while let Some(line) = said.next_line().await? {
            told.push(line);
        }
        anyhow::Ok(())
    };
    let mut output = String::new();
    let mut stdout = child.stdout.take().expect("it is piped");
    let report = stdout.read_to_string(&mut output);
    let kill = async {
        if let Some(after) = kill_after {
            sleep(after).await;
            let last = running.servers.last_mut().expect("a contender has processes");
            used_by_killed = last.cpu()?;
            last.kill().await?;
        }
        anyhow::Ok(())
    };
    let (rest, report, kill) = tokio::join!(rest, report, kill);
    rest?;
    report?;
    kill?;
    let alive = running.servers.iter().filter_map(|server| server.cpu().ok()).sum::<f64>();
    child.wait().await?;
    ensure!(!output.is_empty(), "no report; {}", told.last().map_or("", String::as_str));
    let report = serde_json::from_str(&output).context("the report")?;
    Ok(Loaded { report, cpu: alive + used_by_killed - before })
}
