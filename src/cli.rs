//! The command line.

use std::path::PathBuf;

use chorus::{
    chat::ports::Clock as _,
    clock::SystemClock,
    config::Settings,
    http::healthcheck,
    store::{import, sqlite},
};
use clap::{Parser, Subcommand};

/// A node of the Chorus chat stack. Without a command it serves clients.
#[derive(Parser)]
#[command(version = chorus::VERSION)]
pub(crate) struct Arguments {
    /// Read settings from this file instead of chorus.toml
    #[arg(long, global = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a node; this is the default
    Serve,
    #[command(flatten)]
    OneShot(OneShotCommand),
}

/// A command that does its work and exits.
#[derive(Subcommand)]
pub(crate) enum OneShotCommand {
    /// Check whether the node on this machine is alive
    Healthcheck,
    /// Check the settings and print them, with secrets redacted
    Config,
    /// Copy the log to a new file; nodes may be running
    Backup {
        /// The file to create; it must not exist
        file: PathBuf,
    },
    /// Give a log that was restored from a backup a new epoch; no node may be running
    RenewEpoch,
    /// Import the chat.db of the original Node.js server into an empty log
    Import {
        /// The database to import; it is not changed
        file: PathBuf,
    },
}

impl OneShotCommand {
    /// Executes the command and prints its outcome.
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
