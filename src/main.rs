//! Entry point: read the command line and the settings, start a node, wait, drain, exit.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chorus::{
    chat::ports::Clock as _,
    config::Settings,
    http::healthcheck,
    lifecycle,
    node::{Node, SystemClock},
    store::{import, sqlite},
    telemetry,
};
use clap::{Parser, Subcommand};

/// A node of Chorus: many nodes, one voice.
#[derive(Parser)]
#[command(version = chorus::VERSION, about)]
struct Arguments {
    /// Read settings from this file rather than from chorus.toml
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node (the default)
    Serve,
    /// Ask the node on this machine whether it is alive
    Healthcheck,
    /// Print the effective settings, secrets redacted
    Config,
    /// Copy the log to a new file, while nodes run or not
    Backup {
        /// The file to make; it must not be there
        file: PathBuf,
    },
    /// Give a log that was restored from a backup a new identity; no node may run
    RenewEpoch,
    /// Take over the chat.db of the Node.js system into a new log
    Import {
        /// The database to read; it stays as it is
        file: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let settings = Settings::load(arguments.config.as_deref()).context("invalid settings")?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::Healthcheck => healthcheck::ask(&settings.server).map(|()| ExitCode::SUCCESS),
        Command::Config => {
            print!("{}", toml::to_string(&settings)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup { file } => {
            println!("{}", sqlite::backup(&settings.log, &file)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::RenewEpoch => {
            println!("the log's epoch is now {}", sqlite::renew_epoch(&settings.log)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Import { file } => {
            println!("{}", import::import(&settings.log, &file, SystemClock.now())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::logs::install(&settings.telemetry)?;
    let files = lifecycle::raise_file_limit();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        commit = chorus::COMMIT,
        files,
        ?settings,
        "starting"
    );

    let node = Node::start(settings).await.context("the node did not start")?;
    tracing::info!(addr = %node.addr(), "ready");

    let cause = lifecycle::stop_signal(node.life()).await?;
    tracing::info!(%cause, "draining");
    Ok(node.drain(cause).await)
}
