//! Entry point: read the options, run, report. The exit code is the verdict.

use std::process::ExitCode;

use anyhow::Context as _;
use chorus_load::{options::Options, report::Report, run, table::Table};
use clap::Parser as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Notify;

/// The exit code when the run allows no statement about the stack.
const NO_VERDICT: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let (json, file) = (options.json, options.report.clone());
    let report = match prepare_and_run(options).await {
        Ok(report) => report,
        Err(error) => return no_verdict(&error),
    };
    let written = serde_json::to_string(&report).context("cannot encode the report").and_then(|text| {
        if let Some(file) = file {
            std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(text)
    });
    match written {
        Ok(text) if json => println!("{text}"),
        Ok(_) => print!("{}", Table(&report)),
        Err(error) => return no_verdict(&error),
    }
    ExitCode::from(u8::from(!report.clean))
}

async fn prepare_and_run(options: Options) -> anyhow::Result<Report> {
    // A websocket client needs one file, a polling client two.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")?;
    let stop = Notify::new();
    tokio::select! {
        report = run::run(options, &stop) => report,
        failed = forward_interrupts(&stop) => failed,
    }
}

/// Notifies `stop` of each SIGINT.
async fn forward_interrupts<T>(stop: &Notify) -> anyhow::Result<T> {
    loop {
        tokio::signal::ctrl_c().await.context("cannot listen for SIGINT")?;
        stop.notify_one();
    }
}

fn no_verdict(error: &anyhow::Error) -> ExitCode {
    eprintln!("chorus-load: {error:#}");
    ExitCode::from(NO_VERDICT)
}
