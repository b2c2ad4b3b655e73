//! What all sockets of a node share.

use std::{sync::Arc, time::Duration};

use tokio_util::task::TaskTracker;

use crate::{
    auth::Tokens,
    chat::{
        delivery::session::Session,
        model::RoomName,
        presence::tracker::PresenceTracker,
        service::{ChatService, Entered, JoinError, Start},
    },
    config,
    gateway::socketio::{
        engine_session::{CloseReason, EngineSession, EngineSessions},
        event_queue::{Bounds, NAME_BYTES_MAX},
    },
};

/// Events that a socket's task takes from its queue at once; the posts among them are one batch in the log.
pub(super) const EVENTS_PER_TURN: usize = 64;

/// What a request takes beside its text while nothing in it exceeds its limit.
const REQUEST_BYTES: usize = 512;

/// What a message's frame takes beside its text: names, a nonce, the envelope.
const FRAME_BYTES: usize = 4_096;

/// Pause between two attempts to join a room while the log cannot be read.
const JOIN_RETRY_PAUSE: Duration = Duration::from_millis(250);

/// What all sockets of a node share.
pub struct GatewayContext {
    /// The domain's verbs.
    pub chat: Arc<ChatService>,
    /// Who is in the rooms.
    pub presence: Arc<PresenceTracker>,
    /// Who a token's bearer is.
    pub tokens: Arc<Tokens>,
    /// The node's Engine.IO sessions.
    pub engine_sessions: Arc<EngineSessions>,
    /// What one client may do.
    pub limits: config::Limits,
    /// How much history a client gets unasked.
    pub history: config::History,
    /// Where tasks run.
    pub tracker: TaskTracker,
}

impl GatewayContext {
    /// The longest frame holds the longest text, of which JSON may write each byte as six, and its envelope.
    pub(super) fn bounds(&self) -> Bounds {
        let frame_bytes = self.limits.max_message_bytes * 6 + FRAME_BYTES;
        let events = self.limits.requests_in_flight;
        // Nobody who keeps the limits is refused: JSON writes most texts with at most two bytes for each byte. One
        // longest frame fits in any case.
        let usual_bytes = events * (self.limits.max_message_bytes * 2 + REQUEST_BYTES);
        Bounds { events, frame_bytes, bytes: usual_bytes.max(frame_bytes + NAME_BYTES_MAX) }
    }

    pub(super) fn stall_timeout(&self) -> Duration {
        self.limits.stall_timeout
    }

    /// Joins a room that a connecting client was in, as soon as the log can be read. If that takes too long, the client
    /// is made to come back, perhaps to a node that can.
    pub(super) async fn join(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        start: Start,
        engine_session: &EngineSession,
    ) -> Option<Entered> {
        let attempts = async {
            loop {
                match self.chat.join(session, room, start).await {
                    Ok(entered) => return Some(entered),
                    // The number of rooms was checked when the client was admitted.
                    Err(JoinError::TooManyRooms(_)) => return None,
                    Err(JoinError::Read(_)) => tokio::time::sleep(JOIN_RETRY_PAUSE).await,
                }
            }
        };
        let patience = session.patience(self.stall_timeout());
        let entered = session.ended().run_until_cancelled(tokio::time::timeout(patience, attempts)).await?;
        entered.unwrap_or_else(|_| {
            engine_session.cut(CloseReason::LogUnreadable);
            session.ended().cancel();
            None
        })
    }
}
