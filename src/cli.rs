//! The command line: what a node may be asked to be, or to do in place of being one.

use std::path::PathBuf;

use chorus::{
    chat::ports::Clock as _,
    clock::SystemClock,
    config::Settings,
    http::healthcheck,
    store::{import, sqlite},
};
use clap::{Parser, Subcommand};

/// A node of Chorus: many nodes, one voice.
#[derive(Parser)]
#[command(version = chorus::VERSION, about)]
pub(crate) struct Arguments {
    /// Read settings from this file rather than from chorus.toml
    #[arg(long, global = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a node (the default)
    Serve,
    #[command(flatten)]
    OneShot(OneShotCommand),
}

/// What is done without a node, and ends by itself.
#[derive(Subcommand)]
pub(crate) enum OneShotCommand {
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

impl OneShotCommand {
    /// Does it, and prints what came of it.
    pub(crate) fn run(self, settings: &Settings) -> anyhow::Result<()> {
        match self {
            Self::Healthcheck => healthcheck::ask(&settings.server)?,
            Self::Config => print!("{}", toml::to_string(settings)?),
            Self::Backup { file } => println!("{}", sqlite::backup(&settings.log, &file)?),
            Self::RenewEpoch => println!("the log's epoch is now {}", sqlite::renew_epoch(&settings.log)?),
            Self::Import { file } => {
                println!("{}", import::import(&settings.log, &file, SystemClock.now())?);
            }
        }
        Ok(())
    }
}
