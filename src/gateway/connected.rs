//! A connected socket, as it is counted: by its transport while it lasts, by the reason when it has ended.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use socketioxide::{TransportType, extract::SocketRef, socket::DisconnectReason};

use super::link::Link;
use crate::telemetry::metrics;

/// What the Socket.IO layer says about a socket's end, once it does.
pub(super) type End = Arc<OnceLock<DisconnectReason>>;

/// Counts a socket until it is dropped.
pub(super) struct Connected {
    namespace: &'static str,
    websocket: AtomicBool,
    link: Arc<Link>,
    end: End,
}

impl Connected {
    /// Counts one that begins now.
    pub(super) fn new(namespace: &'static str, socket: &SocketRef, link: Arc<Link>, end: End) -> Self {
        let websocket = socket.transport_type() == TransportType::Websocket;
        metrics::connections(namespace, transport(websocket), 1);
        Self { namespace, websocket: AtomicBool::new(websocket), link, end }
    }

    /// Its session came by polling and is a websocket now.
    pub(super) fn upgraded(&self) {
        if !self.websocket.swap(true, Ordering::Relaxed) {
            metrics::connections(self.namespace, transport(false), -1);
            metrics::connections(self.namespace, transport(true), 1);
        }
    }
}

fn transport(websocket: bool) -> &'static str {
    if websocket { "websocket" } else { "polling" }
}

impl Drop for Connected {
    fn drop(&mut self) {
        metrics::connections(self.namespace, transport(*self.websocket.get_mut()), -1);
        let left = || match self.end.get() {
            Some(DisconnectReason::HeartbeatTimeout) => "heartbeat",
            Some(DisconnectReason::PacketParsingError | DisconnectReason::MultipleHttpPollingError) => {
                "protocol"
            }
            // Whether it said so, or its connection is gone and nothing more is known.
            _ => "left",
        };
        metrics::session_ended(self.link.why_cut().map_or_else(left, |cut| cut.reason()));
    }
}
