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

/// What it says when the clients are together, and when all of them have been shown everything.
const SENDING: &str = "sending";
const COMPLETE: &str = "complete";

/// A run's report, and the CPU seconds of the servers from the first message to the last delivery.
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

    /// All violations; none of a report without a verdict is no number.
    pub(crate) fn violations(&self) -> f64 {
        let Some(counts) = self.report["violations"].as_object() else { return f64::NAN };
        counts.values().map(|count| count.as_f64().unwrap_or(f64::NAN)).sum()
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
    let mut output = String::new();
    let mut stdout = child.stdout.take().expect("it is piped");
    let lines = async {
        let (mut used_by_killed, mut used) = (0.0, None);
        let kill = sleep(kill_after.unwrap_or_default());
        tokio::pin!(kill);
        let mut is_to_kill = kill_after.is_some();
        loop {
            tokio::select! {
                line = said.next_line() => {
                    let Some(line) = line? else { break };
                    if line.ends_with(COMPLETE) {
                        used = Some(running.cpu_of_living());
                    }
                    told.push(line);
                }
                () = &mut kill, if is_to_kill => {
                    is_to_kill = false;
                    let last = running.servers.last_mut().expect("a contender has processes");
                    used_by_killed = last.cpu()?;
                    last.kill().await?;
                }
            }
        }
        // Where something is lost it is never complete.
        anyhow::Ok(used.unwrap_or_else(|| running.cpu_of_living()) + used_by_killed)
    };
    let (used, report) = tokio::join!(lines, stdout.read_to_string(&mut output));
    let (used, _) = (used?, report?);
    child.wait().await?;
    ensure!(!output.is_empty(), "no report; {}", told.last().map_or("", String::as_str));
    let report = serde_json::from_str(&output).context("the report")?;
    Ok(Loaded { report, cpu: used - before })
}
