//! Entry point: read the command line and the settings, start a node, wait for a signal, drain, exit.

use std::process::ExitCode;

use anyhow::Context as _;
use chorus::{COMMIT, config::Settings, lifecycle, node::Node, telemetry};
use clap::Parser as _;

use self::cli::{Arguments, Command};

mod cli;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let settings = Settings::load(arguments.config.as_deref()).context("invalid settings")?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => lifecycle::run(serve(settings))?,
        Command::OneShot(command) => command.run(&settings).map(|()| ExitCode::SUCCESS),
    }
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::logs::install(&settings.telemetry)?;
    let files = lifecycle::raise_file_limit();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), commit = COMMIT, files, ?settings, "starting");

    let node = Node::start(settings).await.context("the node did not start")?;
    tracing::info!(addr = %node.addr(), "ready");

    let cause = lifecycle::stop_signal(node.life()).await?;
    tracing::info!(%cause, "draining");
    Ok(node.drain(cause).await)
}
