//! Log lines: which, and how they are written.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Telemetry};

/// Writes log lines to standard error from now on.
///
/// # Errors
///
/// The filter cannot be read, or log lines are written already.
pub fn install(settings: &Telemetry) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log_filter).context("telemetry.log_filter is no filter")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let installed = match settings.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!("log lines are written already: {error}"))
}
