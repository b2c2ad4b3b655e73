//! Every setting, read once from defaults, `chorus.toml` and the environment.

mod settings;

mod error;
mod ranges;
mod rules;

mod load;

pub use self::{
    error::SettingsError,
    settings::{
        Auth, Bus, Drain, History, Limits, Log, LogFormat, Node, Secret, Server, Settings, SocketIo,
        Telemetry,
    },
};
