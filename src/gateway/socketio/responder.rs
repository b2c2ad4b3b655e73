//! Sends responses in their order, each when the session's buffer has room for it.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Value, value::to_raw_value};
use socketioxide::extract::AckSender;
use tokio_util::sync::CancellationToken;

use crate::{
    gateway::{
        protocol::Refusal,
        socketio::engine_session::{CloseReason, EngineSession},
    },
    telemetry::metrics,
};

/// Sends one socket's responses.
///
/// A client that takes none for `patience` is cut, and asks again with the same nonces. Once its session has ended,
/// nothing is sent.
pub(in crate::gateway) struct Responder {
    engine_session: Arc<EngineSession>,
    ended: CancellationToken,
    drains: u64,
    patience: Duration,
}

impl Responder {
    pub(in crate::gateway) fn new(
        engine_session: &Arc<EngineSession>,
        ended: &CancellationToken,
        patience: Duration,
    ) -> Self {
        let drains = engine_session.drains();
        Self { engine_session: engine_session.clone(), ended: ended.clone(), drains, patience }
    }

    /// Sends a short response.
    pub(in crate::gateway) async fn send<T: Serialize + Sync + ?Sized>(
        &mut self,
        ack: AckSender,
        response: &T,
    ) {
        self.send_sized(0, ack, response).await;
    }

    /// Sends a response that may be long: it reserves slots by its length.
    pub(in crate::gateway) async fn send_long(&mut self, ack: AckSender, response: &Value) {
        let json = to_raw_value(response).expect("JSON can be written");
        self.send_sized(json.get().len(), ack, &json).await;
    }

    /// Sends and counts a refusal.
    pub(in crate::gateway) async fn refuse(&mut self, ack: AckSender, refusal: &Refusal) {
        metrics::refused(refusal.code.as_str());
        self.send(ack, &refusal.to_json()).await;
    }

    async fn send_sized<T: Serialize + Sync + ?Sized>(&mut self, bytes: usize, ack: AckSender, response: &T) {
        let reserved = async {
            while !self.engine_session.try_reserve(bytes) {
                self.drains = self.engine_session.drained_since(self.drains).await;
            }
        };
        match self.ended.run_until_cancelled(tokio::time::timeout(self.patience, reserved)).await {
            // A response that is lost here is asked for again.
            Some(Ok(())) => drop(ack.send(response)),
            Some(Err(_)) => self.engine_session.cut(CloseReason::Unread),
            None => {}
        }
    }
}
