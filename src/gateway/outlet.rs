//! What a namespace's sockets have in common: room in the buffer, answers, and the way to be cut.

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
use serde_json::{Value, json, value::to_raw_value};
use socketioxide::{
    TransportType,
    extract::{AckSender, SocketRef},
};
use tokio_util::sync::CancellationToken;

use crate::chat::types::{RoomName, Seq};

use super::{
    connected::{Connected, End},
    connection::Connection,
    intake::Incoming,
    link::{Cut, Link, Links},
    queue::Reader,
};

/// Pause between two looks at a transport that is being upgraded; that takes a round trip or two.
const UPGRADE_LOOK: Duration = Duration::from_millis(10);

/// One socket's way out.
pub(super) struct Outlet {
    pub(super) socket: SocketRef,
    pub(super) link: Arc<Link>,
    /// Drains that were waited for.
    drains: AtomicU64,
    connected: Connected,
}

impl Outlet {
    pub(super) fn new(socket: SocketRef, links: &Arc<Links>, namespace: &'static str, end: End) -> Self {
        let link = links.link(socket.id);
        // A session that came as a websocket rides the connection of its first request.
        if socket.transport_type() == TransportType::Websocket
            && !link.rides()
            && let Some(connection) = socket.req_parts().extensions.get::<Arc<Connection>>()
        {
            link.ride(connection);
        }
        let drains = AtomicU64::new(link.drains());
        let connected = Connected::new(namespace, &socket, link.clone(), end);
        Self { socket, link, drains, connected }
    }

    /// Emits one event if there is room for it; whether it was taken.
    pub(super) fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> bool {
        self.link.take() && self.socket.emit(event, data).is_ok()
    }

    /// Tells of history that was pruned before it was shown; whether it was taken.
    pub(super) fn lost(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        let notice =
            json!({ "code": "history_pruned", "room": room.as_str(), "after": after.0, "upto": upto.0 });
        self.emit("notice", &notice)
    }

    /// Completes when there may be room again.
    pub(super) async fn drained(&self) {
        let seen = self.link.drained_since(self.drains.load(Ordering::Acquire)).await;
        self.drains.store(seen, Ordering::Release);
    }

    /// Emits one event when there is room for it, unless the session ends first.
    pub(super) async fn emit_when_drained<T: Serialize + Sync>(
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

    /// Lets the session emit again once its transport is the websocket. The engine tells nobody: it is looked at.
    async fn follow_upgrade(&self) {
        while self.socket.transport_type() != TransportType::Websocket {
            tokio::time::sleep(UPGRADE_LOOK).await;
        }
        self.link.end_upgrade();
        self.connected.upgraded();
        std::future::pending().await
    }

    /// Completes when the session is cut or its websocket is gone, and has ended what is left of it. The engine tells a socket
    /// nothing whose connection died before it knew of it, and keeps a polling session that was cut until
    /// its heartbeat fails. An upgrade that failed half way leaves a session that answers polls
    /// with nothing for ever, so that it is cut as well.
    async fn gone(&self) {
        if self.link.is_over_or_upgrades().await {
            // It has its own memory, which a socket that came as a websocket never needs.
            let upgrade = Box::pin(async {
                tokio::select! {
                    () = self.link.is_over() => {}
                    () = self.follow_upgrade() => {}
                }
            });
            upgrade.await;
        }
        self.link.end();
    }

    /// Does both until the session ends, and then what is left of them: what was read of the socket
    /// before it went is still taken. They stay where they are pinned: handed over, they would take their place twice. This task is woken for each message, so that it waits for as little as it can.
    pub(super) async fn live(
        &self,
        ended: &CancellationToken,
        queue: &Reader<Incoming>,
        mut moves: Pin<&mut impl Future<Output = ()>>,
        mut events: Pin<&mut impl Future<Output = ()>>,
    ) {
        let (mut moved, mut taken) = (false, false);
        tokio::select! {
            biased;
            () = &mut moves => moved = true,
            () = self.gone() => {}
            () = &mut events => taken = true,
        }
        ended.cancel();
        queue.close();
        if !moved {
            moves.await;
        }
        if !taken {
            events.await;
        }
    }
}

/// Sends answers in their order, each when there is room for it.
///
/// A client that takes none for `patience` is cut: it asks again, with the same nonces. When
/// its session has ended, none is sent any more.
pub(super) struct Answers {
    link: Arc<Link>,
    ended: CancellationToken,
    drains: u64,
    patience: Duration,
}

impl Answers {
    pub(super) fn new(link: &Arc<Link>, ended: &CancellationToken, patience: Duration) -> Self {
        Self { link: link.clone(), ended: ended.clone(), drains: link.drains(), patience }
    }

    /// Sends a short one.
    pub(super) async fn send<T: Serialize + Sync + ?Sized>(&mut self, ack: AckSender, answer: &T) {
        self.send_of(0, ack, answer).await;
    }

    /// Sends one that may be long: it takes room by its length.
    pub(super) async fn send_long(&mut self, ack: AckSender, answer: &Value) {
        let json = to_raw_value(answer).expect("JSON can be written");
        self.send_of(json.get().len(), ack, &json).await;
    }

    async fn send_of<T: Serialize + Sync + ?Sized>(&mut self, bytes: usize, ack: AckSender, answer: &T) {
        let room = async {
            while !self.link.take_for(bytes) {
                self.drains = self.link.drained_since(self.drains).await;
            }
        };
        match self.ended.run_until_cancelled(tokio::time::timeout(self.patience, room)).await {
            // An answer that is lost all the same is asked for again.
            Some(Ok(())) => drop(ack.send(answer)),
            Some(Err(_)) => self.link.cut(Cut::Unread),
            None => {}
        }
    }
}
