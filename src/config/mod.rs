//! Every setting, read once.
//!
//! Defaults, then `chorus.toml` (or `--config`), then `CHORUS_<SECTION>__<KEY>`, then the conventional `PORT`,
//! `DATABASE_URL` and `REDIS_URL`; the later wins. Nothing else in the program reads the environment.

mod load;
mod ranges;
mod rules;
mod settings;

pub use self::{
    rules::Rule,
    settings::{
        Auth, Bus, Drain, History, Limits, Log, LogFormat, Node, Secret, Server, Settings, SocketIo,
        Telemetry,
    },
};
