//! Runs chorus-load as a process: its report, and the CPU that the contender used.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
    time::sleep,
};

use crate::contender::RunningContender;

/// Options of loads on `/`, which all contenders speak.
pub(crate) const TUTORIAL: [&str; 3] = ["--namespace=tutorial", "--connect-rate=1000", "--settle=20s"];
/// Ends the line that chorus-load prints when it starts to send.
const SENDING: &str = "sending";
/// Ends the line that it prints when every delivery has arrived.
const COMPLETE: &str = "complete";

pub(crate) struct CheckerRun {
    /// chorus-load's JSON.
    pub(crate) report: Value,
    /// CPU seconds of the contender from the first message to the last delivery.
    pub(crate) cpu: f64,
}

impl CheckerRun {
    /// A number of the report by JSON pointer; not a number if absent.
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        self.report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// The sum of all violations; not a number without a verdict.
    pub(crate) fn violations(&self) -> f64 {
        let Some(counts) = self.report["violations"].as_object() else { return f64::NAN };
        counts.values().map(|count| count.as_f64().unwrap_or(f64::NAN)).sum()
    }
}

/// Runs chorus-load against the contender, and kills the last process of this `kill_after` the first message.
///
/// # Errors
///
/// There is no report: not all clients could join, or nothing was stored.
pub(crate) async fn run_checker(
    running: &mut RunningContender,
    programs: &Path,
    options: &[&str],
    kill_after: Option<Duration>,
) -> anyhow::Result<CheckerRun> {
    let mut command = Command::new(programs.join("chorus-load"));
    command.args(running.urls()).args(["--json", running.ack_timeout]).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("cannot start chorus-load")?;
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut printed = Vec::new();
    while let Some(line) = stderr.next_line().await? {
        let sending = line.ends_with(SENDING);
        printed.push(line);
        if sending {
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
                line = stderr.next_line() => {
                    let Some(line) = line? else { break };
                    if line.ends_with(COMPLETE) {
                        used = Some(running.cpu_of_living());
                    }
                    printed.push(line);
                }
                () = &mut kill, if is_to_kill => {
                    is_to_kill = false;
                    let last = running.processes.last_mut().expect("a contender has processes");
                    used_by_killed = last.cpu()?;
                    last.kill().await?;
                }
            }
        }
        // If a message was lost, the run never completes.
        anyhow::Ok(used.unwrap_or_else(|| running.cpu_of_living()) + used_by_killed)
    };
    let (used, report) = tokio::join!(lines, stdout.read_to_string(&mut output));
    let (used, _) = (used?, report?);
    child.wait().await?;
    ensure!(!output.is_empty(), "no report; {}", printed.last().map_or("", String::as_str));
    let report = serde_json::from_str(&output).context("cannot decode the report")?;
    Ok(CheckerRun { report, cpu: used - before })
}
