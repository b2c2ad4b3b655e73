//! The packet that opens an Engine.IO session.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

/// Path and query of the endpoint; the transport's name follows.
pub(super) const PATH: &str = "/socket.io/?EIO=4&transport=";

/// What the server says about a new session.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    pub(super) sid: String,
    ping_interval: u64,
    ping_timeout: u64,
}

impl Handshake {
    /// How long a client waits for a heartbeat before it gives the connection up.
    #[must_use]
    pub fn heartbeat_timeout(&self) -> Duration {
        Duration::from_millis(self.ping_interval + self.ping_timeout)
    }

    pub(super) fn read(packet: &str) -> anyhow::Result<Self> {
        let json = packet.strip_prefix('0').with_context(|| format!("not a handshake: {packet:.80}"))?;
        serde_json::from_str(json).with_context(|| format!("not a handshake: {packet:.200}"))
    }
}
