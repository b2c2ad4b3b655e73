//! Every setting, read once.
//!
//! Defaults, then `chorus.toml` (or `--config`), then `CHORUS_<SECTION>__<KEY>`,
//! then the conventional `PORT`, `DATABASE_URL` and `REDIS_URL`; the later wins.
//! Nothing else in the program reads the environment.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use config::{Config, Environment, File};
use serde::{Deserialize, Serialize, Serializer};

/// All settings of a node.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Who this node is.
    pub node: Node,
    /// The listening socket and its connections.
    pub server: Server,
    /// Engine.IO and Socket.IO.
    pub socketio: SocketIo,
    /// The message log.
    pub log: Log,
    /// Hints between nodes.
    pub bus: Bus,
    /// How much history a client gets unasked.
    pub history: History,
    /// What one client may do.
    pub limits: Limits,
    /// How a node leaves.
    pub drain: Drain,
    /// What a node tells its operators.
    pub telemetry: Telemetry,
    /// Sessions and their tokens.
    pub auth: Auth,
}

/// Who this node is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// The node's name in messages, `/readyz` and the page; unset: the host's name and a random part.
    pub id: Option<String>,
}

/// The listening socket and its connections.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on (also `PORT`); 0 takes a free one.
    pub port: u16,
    /// Connections at one time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a write may wait for a client that does not read, before its connection is cut.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: IpAddr::from([0, 0, 0, 0]),
            port: 3000,
            max_connections: 20_000,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(20),
        }
    }
}

/// Engine.IO and Socket.IO.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SocketIo {
    /// Pause between two heartbeats.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
    /// How long a client may take to answer a heartbeat.
    #[serde(with = "humantime_serde")]
    pub ping_timeout: Duration,
    /// The largest polling body, in bytes.
    pub max_payload: u64,
}

impl Default for SocketIo {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: 1_000_000,
        }
    }
}

/// The message log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Where the log is: `sqlite://PATH` or `memory://` (also `DATABASE_URL`).
    pub url: String,
    /// How long a nonce is remembered, also beyond its message.
    #[serde(with = "humantime_serde")]
    pub nonce_ttl: Duration,
    /// How long messages are kept; 0 keeps them for ever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// How late a lost hint can be: pause between two looks at the log; at most 500 ms.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
    /// How long a message may wait to be stored before it is refused.
    #[serde(with = "humantime_serde")]
    pub append_timeout: Duration,
    /// Connections that read; each is a thread while it is used.
    pub readers: usize,
    /// Start on a file system that cannot be shared safely (network, FUSE, VM-shared).
    pub allow_unsafe_filesystem: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            url: "sqlite://data/chat.db".to_owned(),
            nonce_ttl: Duration::from_secs(7 * 24 * 3600),
            retention: Duration::ZERO,
            sweep_interval: Duration::from_millis(250),
            append_timeout: Duration::from_secs(5),
            readers: 4,
            allow_unsafe_filesystem: false,
        }
    }
}

/// Hints between nodes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bus {
    /// The Redis server (also `REDIS_URL`); unset: a cluster of one, or one that lives by its sweeps.
    pub url: Option<Secret>,
    /// Channels begin with this, so that one Redis may serve others as well.
    pub prefix: String,
    /// The largest batch that travels whole, in bytes; beyond it only the new head does.
    pub batch_max_bytes: usize,
    /// How long Redis may take to answer before it counts as down.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "chorus".to_owned(),
            batch_max_bytes: 65_536,
            timeout: Duration::from_secs(2),
        }
    }
}

/// How much history a client gets unasked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// Messages that a client without a place in the room gets when it joins.
    pub on_join: u32,
    /// The most that a tutorial client with `serverOffset: 0` gets; 0 has no limit.
    pub tutorial_max: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { on_join: 200, tutorial_max: 0 }
    }
}

/// What one client may do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The longest text, in bytes of UTF-8; websocket frames follow it.
    pub max_message_bytes: usize,
    /// Posts a second of one session; 0 has no limit.
    pub messages_per_second: u32,
    /// Rooms that one session is in at one time.
    pub rooms_per_session: usize,
    /// Requests of one socket that wait for their answer; more are refused.
    pub requests_in_flight: usize,
    /// How long a session that has messages waiting may take none, before it is cut to come back.
    #[serde(with = "humantime_serde")]
    pub stall_timeout: Duration,
    /// The newest messages of a room that a node keeps in memory.
    pub tail_messages: usize,
    /// The same limit in bytes of text.
    pub tail_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: 8_192,
            messages_per_second: 0,
            rooms_per_session: 100,
            requests_in_flight: 256,
            stall_timeout: Duration::from_secs(20),
            tail_messages: 1_024,
            tail_bytes: 1_048_576,
        }
    }
}

/// How a node leaves.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// Pause between failing readiness and closing the listener; it must
    /// outlast the health interval of a balancer that asks.
    #[serde(with = "humantime_serde")]
    pub delay: Duration,
    /// Connections are cut over this time, so that their clients do not all come back at once.
    #[serde(with = "humantime_serde")]
    pub spread: Duration,
    /// The whole drain's limit; less than the container's stop grace period.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            spread: Duration::from_secs(3),
            timeout: Duration::from_secs(15),
        }
    }
}

/// What a node tells its operators.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Which log lines to write, in the syntax of `tracing`'s `EnvFilter`.
    pub log_filter: String,
    /// How to write them: `text` for people, or `json`, one object a line.
    pub log_format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log_filter: "info".to_owned(), log_format: LogFormat::Text }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// Sessions and their tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// The key that signs tokens, at least 32 bytes; unset: derived from one kept in the log, which all nodes share.
    pub key: Option<Secret>,
    /// How long a token is good for after it was issued; each connect issues a new one.
    #[serde(with = "humantime_serde")]
    pub token_ttl: Duration,
}

impl Default for Auth {
    fn default() -> Self {
        Self { key: None, token_ttl: Duration::from_secs(90 * 24 * 3600) }
    }
}

/// A setting that is never shown: it prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for whoever needs it to do its work.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}

/// A rule over the settings that a value breaks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A value that must be more than nothing.
    #[error("{key} must be greater than zero")]
    Zero {
        /// The setting.
        key: &'static str,
    },
    /// A lost hint could be later than promised.
    #[error("log.sweep_interval ({0:?}) must be at most 500ms")]
    SweepTooRare(Duration),
    /// No adapter for this log.
    #[error("log.url ({0:?}) must begin with sqlite:// or be memory://")]
    LogUrl(String),
    /// No adapter for this bus.
    #[error("bus.url must begin with redis:// or unix://")]
    BusUrl,
    /// A key that can be guessed.
    #[error("auth.key must have at least 32 bytes")]
    KeyTooShort,
    /// A node name that the wire cannot carry.
    #[error("node.id ({0:?}) must be 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.'")]
    NodeId(String),
    /// A body that could not carry one message.
    #[error("socketio.max_payload ({payload}) must be at least limits.max_message_bytes ({message}) times 8")]
    PayloadTooSmall {
        /// `socketio.max_payload`.
        payload: u64,
        /// `limits.max_message_bytes`.
        message: usize,
    },
    /// The whole drain would end inside its own pauses.
    #[error(
        "drain.timeout ({timeout:?}) must be longer than drain.delay ({delay:?}) and drain.spread ({spread:?}) together"
    )]
    DrainTooShort {
        /// `drain.timeout`.
        timeout: Duration,
        /// `drain.delay`.
        delay: Duration,
        /// `drain.spread`.
        spread: Duration,
    },
}

/// The file that is read if it is there.
const FILE: &str = "chorus.toml";

/// The conventional names, and the settings they stand for.
const CONVENTIONAL: [(&str, &str); 3] =
    [("PORT", "server.port"), ("DATABASE_URL", "log.url"), ("REDIS_URL", "bus.url")];

impl Settings {
    /// Reads and checks all settings.
    ///
    /// # Errors
    ///
    /// A message that names the key and the rule, for a value that cannot be
    /// read, an unknown key, or a value that breaks a [`Rule`].
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let file = match file {
            Some(path) => File::from(path).required(true),
            None => File::from(PathBuf::from(FILE)).required(false),
        };
        let env = Environment::with_prefix("CHORUS").prefix_separator("_").separator("__").try_parsing(true);
        let mut builder = Config::builder().add_source(file).add_source(env);
        for (name, key) in CONVENTIONAL {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            builder =
                builder.set_override_option(key, value).with_context(|| format!("{name} is not usable"))?;
        }
        let settings: Self = builder.build()?.try_deserialize()?;
        settings.check()?;
        Ok(settings)
    }

    /// Checks the rules that one value alone does not show.
    ///
    /// # Errors
    ///
    /// The first [`Rule`] that is broken.
    pub fn check(&self) -> Result<(), Rule> {
        let counts = [
            ("server.max_connections", self.server.max_connections),
            ("log.readers", self.log.readers),
            ("bus.batch_max_bytes", self.bus.batch_max_bytes),
            ("limits.max_message_bytes", self.limits.max_message_bytes),
            ("limits.rooms_per_session", self.limits.rooms_per_session),
            ("limits.requests_in_flight", self.limits.requests_in_flight),
            ("limits.tail_messages", self.limits.tail_messages),
            ("limits.tail_bytes", self.limits.tail_bytes),
        ];
        let times = [
            ("server.header_timeout", self.server.header_timeout),
            ("server.write_timeout", self.server.write_timeout),
            ("socketio.ping_interval", self.socketio.ping_interval),
            ("socketio.ping_timeout", self.socketio.ping_timeout),
            ("log.nonce_ttl", self.log.nonce_ttl),
            ("log.sweep_interval", self.log.sweep_interval),
            ("log.append_timeout", self.log.append_timeout),
            ("bus.timeout", self.bus.timeout),
            ("limits.stall_timeout", self.limits.stall_timeout),
            ("auth.token_ttl", self.auth.token_ttl),
        ];
        let nothing = counts.iter().filter(|(_, count)| *count == 0).map(|(key, _)| *key);
        if let Some(key) =
            nothing.chain(times.iter().filter(|(_, time)| time.is_zero()).map(|(key, _)| *key)).next()
        {
            return Err(Rule::Zero { key });
        }
        self.check_names()?;
        self.check_sizes()
    }

    fn check_names(&self) -> Result<(), Rule> {
        if !self.log.url.starts_with("sqlite://") && self.log.url != "memory://" {
            return Err(Rule::LogUrl(self.log.url.clone()));
        }
        let schemes = ["redis://", "unix://"];
        if self.bus.url.as_ref().is_some_and(|url| !schemes.iter().any(|scheme| url.0.starts_with(scheme))) {
            return Err(Rule::BusUrl);
        }
        if let Some(id) = self.node.id.as_ref().filter(|id| id.parse::<crate::chat::types::NodeId>().is_err())
        {
            return Err(Rule::NodeId(id.clone()));
        }
        if self.auth.key.as_ref().is_some_and(|key| key.0.len() < 32) {
            return Err(Rule::KeyTooShort);
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), Rule> {
        if Duration::from_millis(500) < self.log.sweep_interval {
            return Err(Rule::SweepTooRare(self.log.sweep_interval));
        }
        let (payload, message) = (self.socketio.max_payload, self.limits.max_message_bytes);
        if payload < message as u64 * 8 {
            return Err(Rule::PayloadTooSmall { payload, message });
        }
        let Drain { delay, spread, timeout } = self.drain;
        if timeout <= delay + spread {
            return Err(Rule::DrainTooShort { timeout, delay, spread });
        }
        Ok(())
    }
}
