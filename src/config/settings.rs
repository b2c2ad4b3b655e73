//! Every setting, read once.
//!
//! Defaults, then `chorus.toml` (or `--config`), then `CHORUS_<SECTION>__<KEY>`,
//! then the conventional `PORT`, `DATABASE_URL` and `REDIS_URL`; the later wins.
//! Nothing else in the program reads the environment.

use std::{fmt, net::IpAddr, time::Duration};

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
    /// Connections at one time, further ones wait in the kernel's backlog; and as many sessions that began by polling, further ones are refused.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long a write may wait for a client that does not read, before its connection is cut.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// The cookie by which a balancer keeps a browser at its node; `POST /api/elsewhere` expires it.
    pub sticky_cookie: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: IpAddr::from([0, 0, 0, 0]),
            port: 3000,
            max_connections: 20_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            sticky_cookie: "chorus_node".to_owned(),
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
    /// How large the log may become, in bytes, before its oldest messages go; 0 has no limit.
    pub retention_bytes: u64,
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
            retention_bytes: 0,
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
    /// Posts a second of one session, and of one user over HTTP; 0 has no limit.
    pub messages_per_second: u32,
    /// Rooms that one session is in at one time.
    pub rooms_per_session: usize,
    /// Requests of one socket that wait for their answer; more are refused.
    pub requests_in_flight: usize,
    /// How long a session that has messages waiting may take none, before it is cut to come back; up to a quarter
    /// longer, each session for itself, so that not all come back at once.
    #[serde(with = "humantime_serde")]
    pub stall_timeout: Duration,
    /// The newest messages of a room that a node keeps in memory.
    pub tail_messages: usize,
    /// The same limit in bytes of text; all rooms together keep at most 256 times as many.
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
            tail_messages: 4_096,
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
    /// Where traces go, by OTLP over gRPC, as `http://HOST:4317`; unset: nothing is traced.
    pub otlp_endpoint: Option<String>,
    /// The share of messages that are traced, from 0 to 1; one that comes with a `traceparent` is as that says.
    pub trace_sample_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_filter: "info".to_owned(),
            log_format: LogFormat::Text,
            otlp_endpoint: None,
            trace_sample_ratio: 0.01,
        }
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
