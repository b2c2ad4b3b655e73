//! Writes log lines to standard error.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::{LogFormat, Telemetry};

/// Installs the log subscriber.
///
/// # Errors
///
/// The filter is invalid, or another subscriber is installed.
pub fn install(settings: &Telemetry) -> anyhow::Result<()> {
    let subscriber = subscriber(settings, std::io::stderr, std::io::stderr().is_terminal())?;
    tracing::subscriber::set_global_default(subscriber).context("another log subscriber is installed")
}

/// Lines about a traced message carry the ids of the span in which they are written.
fn subscriber<W>(
    settings: &Telemetry,
    writer: W,
    colours: bool,
) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.log_filter)
        .context("telemetry.log_filter is invalid; write it like info or info,chorus=debug")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(writer);
    Ok(match settings.log_format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_span_list(false).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read as _, sync::Mutex};

    use super::*;

    #[test]
    fn a_line_carries_the_ids_of_its_span_in_either_form_and_under_a_narrow_filter() {
        for (log_format, ids) in [
            (LogFormat::Text, "post{trace_id=ab span_id=cd}"),
            (LogFormat::Json, r#""span":{"span_id":"cd","trace_id":"ab","name":"post"}"#),
        ] {
            let settings = Telemetry { log_format, log_filter: "error".to_owned(), ..Telemetry::default() };
            let file = tempfile::NamedTempFile::new().unwrap();
            let writer = Mutex::new(fs::File::create(file.path()).unwrap());
            tracing::subscriber::with_default(subscriber(&settings, writer, false).unwrap(), || {
                let (trace_id, span_id) = ("ab", "cd");
                let _inside = tracing::error_span!("post", %trace_id, %span_id).entered();
                tracing::error!("something is wrong");
            });
            let mut written = String::new();
            fs::File::open(file.path()).unwrap().read_to_string(&mut written).unwrap();
            assert!(written.contains("something is wrong") && written.contains(ids), "{written}");
        }
    }
}
