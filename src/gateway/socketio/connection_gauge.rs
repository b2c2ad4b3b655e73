//! Counts a connected socket: by its transport while it lasts, by the reason when it has ended.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use socketioxide::{TransportType, extract::SocketRef, socket::DisconnectReason};

use crate::{
    gateway::socketio::engine_session::{CloseReason, EngineSession},
    telemetry::metrics,
};

/// The Socket.IO server's reason for a socket's end, once it has one.
pub(in crate::gateway) type DisconnectCell = Arc<OnceLock<DisconnectReason>>;

/// Counts a socket until it is dropped.
pub(super) struct ConnectionGauge {
    namespace: &'static str,
    is_websocket: AtomicBool,
    engine_session: Arc<EngineSession>,
    reason: DisconnectCell,
}

impl ConnectionGauge {
    pub(super) fn new(
        namespace: &'static str,
        socket: &SocketRef,
        engine_session: Arc<EngineSession>,
        reason: DisconnectCell,
    ) -> Self {
        let is_websocket = socket.transport_type() == TransportType::Websocket;
        metrics::connections(namespace, transport(is_websocket), 1);
        Self { namespace, is_websocket: AtomicBool::new(is_websocket), engine_session, reason }
    }

    /// Notes that the session began by polling and is a websocket now.
    pub(super) fn upgraded(&self) {
        if !self.is_websocket.swap(true, Ordering::Relaxed) {
            metrics::connections(self.namespace, transport(false), -1);
            metrics::connections(self.namespace, transport(true), 1);
        }
    }
}

impl Drop for ConnectionGauge {
    fn drop(&mut self) {
        metrics::connections(self.namespace, transport(*self.is_websocket.get_mut()), -1);
        let by_itself = || match self.reason.get() {
            Some(DisconnectReason::HeartbeatTimeout) => "heartbeat",
            Some(DisconnectReason::PacketParsingError | DisconnectReason::MultipleHttpPollingError) => {
                "protocol"
            }
            // The client disconnected, or its connection is gone and nothing more is known.
            _ => "left",
        };
        metrics::session_ended(
            self.engine_session.close_reason().map_or_else(by_itself, CloseReason::as_str),
        );
    }
}

fn transport(is_websocket: bool) -> &'static str {
    if is_websocket { "websocket" } else { "polling" }
}
