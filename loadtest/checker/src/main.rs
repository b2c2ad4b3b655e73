//! Entry point: read the options, run, report; the exit code is the verdict.

use std::process::ExitCode;

use anyhow::Context as _;
use chorus_load::{options::Options, report::Report, run, table::Table};
use clap::Parser as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Notify;

/// Nothing can be said about the stack.
const NO_VERDICT: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let (json, file) = (options.json, options.report.clone());
    let report = match prepared(options).await {
        Ok(report) => report,
        Err(error) => return no_verdict(&error),
    };
    let written = serde_json::to_string(&report).context("the report").and_then(|text| {
        if let Some(file) = file {
            std::fs::write(&file, &text).with_context(|| format!("{} cannot be written", file.display()))?;
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

async fn prepared(options: Options) -> anyhow::Result<Report> {
    // A client takes a file, or two.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of open files cannot be raised")?;
    let stop = Notify::new();
    tokio::select! {
        report = run::run(options, &stop) => report,
        failed = interrupts(&stop) => failed,
    }
}

/// Passes on each SIGINT.
async fn interrupts<T>(stop: &Notify) -> anyhow::Result<T> {
    loop {
        tokio::signal::ctrl_c().await.context("SIGINT cannot be heard")?;
        stop.notify_one();
    }
}

fn no_verdict(error: &anyhow::Error) -> ExitCode {
    eprintln!("chorus-load: {error:#}");
    ExitCode::from(NO_VERDICT)
}
