//! Every setting and its default. The doc comments of the keys are the table in docs/SETTINGS.md.

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize, Serializer};

/// All settings of a node.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The node's identity.
    pub node: Node,
    /// The HTTP server.
    pub server: Server,
    /// Engine.IO and Socket.IO.
    pub socketio: SocketIo,
    /// The message log.
    pub log: Log,
    /// Hints between nodes.
    pub bus: Bus,
    /// Message history on join.
    pub history: History,
    /// Limits for clients.
    pub limits: Limits,
    /// Shutdown.
    pub drain: Drain,
    /// Log lines and traces.
    pub telemetry: Telemetry,
    /// Session tokens.
    pub auth: Auth,
}

/// The node's identity.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// The node's name in messages, `/readyz` and the page; if unset, the host name with a random suffix.
    pub id: Option<String>,
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on (also `PORT`); 0 picks a free one.
    pub port: u16,
    /// Maximum number of open connections, and of sessions that began by polling. Further connections wait in the kernel's
    /// backlog; further polling sessions are refused.
    pub max_connections: usize,
    /// Time limit for a client to send a request's headers.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time limit for a client to send a request's body.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long a write may wait for a client that does not read. After that its connection is closed.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// The cookie with which the load balancer keeps a browser on one node; `POST /api/elsewhere` expires it.
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
    /// Interval between heartbeats.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
    /// Time limit for a client to respond to a heartbeat.
    #[serde(with = "humantime_serde")]
    pub ping_timeout: Duration,
    /// Maximum size of a polling request or response body, in bytes.
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
    /// Location of the log: `sqlite://PATH` or `memory://` (also `DATABASE_URL`).
    pub url: String,
    /// How long a nonce is remembered, even after its message was pruned.
    #[serde(with = "humantime_serde")]
    pub nonce_ttl: Duration,
    /// How long messages are kept; 0 keeps them forever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// Maximum size of the log, in bytes. Beyond it the oldest messages are pruned; 0 means no limit.
    pub retention_bytes: u64,
    /// Interval between sweeps of the log for messages whose hint was lost; at most 500 ms.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
    /// How long a message may wait to be stored. After that it is refused.
    #[serde(with = "humantime_serde")]
    pub append_timeout: Duration,
    /// Number of read connections; each uses a thread while it reads.
    pub readers: usize,
    /// Start even on a file system that nodes cannot share safely (network, FUSE, shared with a VM).
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
    /// The Redis server (also `REDIS_URL`). Without one, messages reach other nodes by the sweep only.
    pub url: Option<Secret>,
    /// Prefix of all channels and keys, so that several systems can share one Redis server.
    pub prefix: String,
    /// Maximum size of a batch of messages, in bytes. Of a larger batch only the room's new head is sent.
    pub batch_max_bytes: usize,
    /// How long Redis may take to respond before it counts as down.
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

/// Message history on join.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// Number of recent messages that a client gets when it joins a room without a position.
    pub on_join: u32,
    /// Maximum number of messages that a tutorial client with `serverOffset: 0` gets; 0 means no limit.
    pub tutorial_max: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { on_join: 200, tutorial_max: 0 }
    }
}

/// Limits for clients.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Maximum length of a message's text, in bytes of UTF-8. The limit of websocket frames follows from it.
    pub max_message_bytes: usize,
    /// Posts per second for each session, and for each user over HTTP; 0 means no limit.
    pub messages_per_second: u32,
    /// Maximum number of rooms that a session may be in at one time.
    pub rooms_per_session: usize,
    /// Maximum number of unanswered requests per socket; further ones are refused.
    pub requests_in_flight: usize,
    /// How long a session may accept none of its waiting messages. After that, plus up to a quarter more that differs
    /// between sessions, it is disconnected, so that it reconnects and catches up.
    #[serde(with = "humantime_serde")]
    pub stall_timeout: Duration,
    /// Number of recent messages per room that a node keeps in memory.
    pub tail_messages: usize,
    /// Bytes of recent messages per room that a node keeps in memory; all rooms together keep at most 256 times as many.
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

/// Shutdown.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// Pause between failing `/readyz` and closing the listener; longer than the interval of the load balancer's health
    /// check.
    #[serde(with = "humantime_serde")]
    pub delay: Duration,
    /// Period over which connections are closed, so that their clients do not all reconnect at once.
    #[serde(with = "humantime_serde")]
    pub spread: Duration,
    /// Time limit for the whole shutdown; shorter than the container's stop grace period.
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

/// Log lines and traces.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Filter for log lines, in the syntax of `tracing`'s `EnvFilter`.
    pub log_filter: String,
    /// Format of log lines: `text`, or `json` for one object per line.
    pub log_format: LogFormat,
    /// Collector for traces by OTLP over gRPC, such as `http://HOST:4317`; if unset, nothing is traced.
    pub otlp_endpoint: Option<String>,
    /// Share of messages that are traced, from 0 to 1. A client's `traceparent` takes precedence.
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

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

/// Session tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Key that signs tokens, at least 32 bytes; if unset, a key from the log, which all nodes share.
    pub key: Option<Secret>,
    /// How long a token is valid after it was issued; each connect issues a new one.
    #[serde(with = "humantime_serde")]
    pub token_ttl: Duration,
}

impl Default for Auth {
    fn default() -> Self {
        Self { key: None, token_ttl: Duration::from_secs(90 * 24 * 3600) }
    }
}

/// A secret setting, which prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
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
