//! What the sockets of both namespaces share on the way out: room in the buffer, and their end.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use serde_json::json;
use socketioxide::{TransportType, extract::SocketRef};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::model::{RoomName, Seq},
    gateway::socketio::{
        connection_gauge::{ConnectionGauge, DisconnectCell},
        engine_session::{EngineSession, EngineSessions},
        event_queue::InboundEvent,
        queue::Reader,
    },
    server::connection::Connection,
};

/// Pause between two polls of a transport that is being upgraded, which takes a round trip or two.
const UPGRADE_POLL: Duration = Duration::from_millis(10);

/// One socket's way out.
pub(in crate::gateway) struct SocketSink {
    pub(in crate::gateway) socket: SocketRef,
    pub(in crate::gateway) engine_session: Arc<EngineSession>,
    /// The drains that were waited for.
    drains: AtomicU64,
    gauge: ConnectionGauge,
}

impl SocketSink {
    pub(in crate::gateway) fn new(
        socket: SocketRef,
        engine_sessions: &Arc<EngineSessions>,
        namespace: &'static str,
        reason: DisconnectCell,
    ) -> Self {
        let engine_session = engine_sessions.get_or_insert(socket.id);
        // A session that began as a websocket uses the connection of its first request.
        if socket.transport_type() == TransportType::Websocket
            && !engine_session.has_websocket()
            && let Some(connection) = socket.req_parts().extensions.get::<Arc<Connection>>()
        {
            engine_session.attach_websocket(connection);
        }
        let drains = AtomicU64::new(engine_session.drains());
        let gauge = ConnectionGauge::new(namespace, &socket, engine_session.clone(), reason);
        Self { socket, engine_session, drains, gauge }
    }

    /// Emits an event if there is room for it; returns whether it was taken.
    pub(in crate::gateway) fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> bool {
        self.engine_session.try_reserve(0) && self.socket.emit(event, data).is_ok()
    }

    /// Tells the client of history that was pruned before it was shown; returns whether it was taken.
    pub(in crate::gateway) fn history_truncated(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        let notice =
            json!({ "code": "history_pruned", "room": room.as_str(), "after": after.0, "upto": upto.0 });
        self.emit("notice", &notice)
    }

    /// Completes when there may be room again.
    pub(in crate::gateway) async fn drained(&self) {
        let seen = self.engine_session.drained_since(self.drains.load(Ordering::Acquire)).await;
        self.drains.store(seen, Ordering::Release);
    }

    /// Emits an event when there is room for it, unless the session ends first.
    pub(in crate::gateway) async fn emit_when_drained<T: Serialize + Sync>(
        &self,
        event: &str,
        data: &T,
        ended: &CancellationToken,
    ) {
        let emitted = async {
            while !self.emit(event, data) {
                self.drained().await;
            }
        };
        ended.run_until_cancelled(emitted).await;
    }

    /// Lets the session emit again once its transport is the websocket. The server reports nothing, so it is polled.
    async fn follow_upgrade(&self) {
        while self.socket.transport_type() != TransportType::Websocket {
            tokio::time::sleep(UPGRADE_POLL).await;
        }
        self.engine_session.end_upgrade();
        self.gauge.upgraded();
        std::future::pending().await
    }

    /// Completes when the session is cut or its websocket is gone, after ending what is left of it.
    ///
    /// The server reports no end to a socket whose connection died before it knew of the socket, and keeps a polling
    /// session that was cut until its heartbeat fails. A failed upgrade leaves a session that answers polls with nothing
    /// for ever, so it is cut as well.
    async fn gone(&self) {
        if self.engine_session.is_over_or_upgrades().await {
            // Boxed, so that a socket that came as a websocket has no memory for it.
            let upgrade = Box::pin(async {
                tokio::select! {
                    () = self.engine_session.is_over() => {}
                    () = self.follow_upgrade() => {}
                }
            });
            upgrade.await;
        }
        self.engine_session.end();
    }

    /// Runs both futures until the session ends, and then to their own end: events that were read before are still
    /// handled. They stay where they are pinned: passed by value, they would take their size twice. This task is woken
    /// for each message, and so waits for as little as it can.
    pub(in crate::gateway) async fn run(
        &self,
        ended: &CancellationToken,
        events: &Reader<InboundEvent>,
        mut deliveries: Pin<&mut impl Future<Output = ()>>,
        mut requests: Pin<&mut impl Future<Output = ()>>,
    ) {
        let (mut delivered, mut handled) = (false, false);
        tokio::select! {
            biased;
            () = &mut deliveries => delivered = true,
            () = self.gone() => {}
            () = &mut requests => handled = true,
        }
        ended.cancel();
        events.close();
        if !delivered {
            deliveries.await;
        }
        if !handled {
            requests.await;
        }
    }
}
