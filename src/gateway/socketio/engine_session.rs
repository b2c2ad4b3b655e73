//! One Engine.IO session, as it is seen from outside the borrowed server: how much its buffer may hold, and how it is cut.
//!
//! The server buffers 128 packets per session and drops what does not fit; its heartbeat fails on a full buffer, and an
//! upgrade of the transport deadlocks on one. So a session never fills it: it may emit [`PACKETS_PER_DRAIN`] packets
//! between two drains. A drain shows when the websocket's writer flushes, or when a polling request is answered.
//!
//! A packet that was emitted just before a drain was noticed may still be in the buffer, which therefore holds at most
//! twice that number. While a polling session becomes a websocket, requests are answered and bytes are flushed although
//! nothing drains: the session emits nothing meanwhile.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use socketioxide::socket::Sid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    gateway::socketio::signal::Signal,
    server::connection::{Connection, ConnectionEvent},
    sync::lock,
};

/// Packets between two drains; twice this leaves room for heartbeats and the upgrade in a buffer of 128.
pub const PACKETS_PER_DRAIN: usize = 48;

/// The bytes of one slot; a longer packet takes several.
const SLOT_BYTES: usize = 16 * 1024;

/// Why the node cut a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// It had messages waiting and took none for too long.
    Stalled,
    /// It took none of its responses for too long.
    Unread,
    /// Its peer took no bytes for too long.
    WriteDeadline,
    /// The log could not be read for too long while it joined its rooms.
    LogUnreadable,
    /// The node is draining.
    Drain,
}

impl CloseReason {
    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Unread => "unread",
            Self::WriteDeadline => "write_deadline",
            Self::LogUnreadable => "log_unreadable",
            Self::Drain => "drain",
        }
    }
}

// The bits of a session's state.

/// A polling session has begun to become a websocket. It tries once: if that fails, it is cut.
const UPGRADING: u64 = 1;
/// It has become one.
const UPGRADED: u64 = 2;
/// A connection that was attached as its websocket is gone.
const WEBSOCKET_GONE: u64 = 4;
/// The session is cut: its polling requests are answered as if it were unknown.
const CUT: u64 = 8;

/// An Engine.IO session, as the gateway sees it.
#[derive(Debug)]
pub struct EngineSession {
    sid: Sid,
    /// Slots reserved since the last drain.
    used: AtomicUsize,
    /// Counts the moments at which there may be room again.
    drains: Signal,
    /// The bits above.
    state: Signal,
    /// The first reason for which the node cut it; empty if it ended by itself.
    close_reason: OnceLock<CloseReason>,
    /// The latest connection that was attached as its websocket; an attempt may fail and another follow.
    websocket: Mutex<Weak<Connection>>,
    sessions: Weak<EngineSessions>,
}

impl EngineSession {
    /// Reserves buffer slots for a packet of `bytes`; the next drain frees them. A large packet may overdraw the window;
    /// nothing more is admitted until that drain.
    #[must_use]
    pub fn try_reserve(&self, bytes: usize) -> bool {
        let slots = 1 + bytes / SLOT_BYTES;
        let grant = |used: usize| (used < PACKETS_PER_DRAIN).then_some(used + slots);
        !self.is_between_transports()
            && self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grant).is_ok()
    }

    /// How many short packets fit now.
    #[must_use]
    pub fn capacity(&self) -> usize {
        if self.is_between_transports() {
            return 0;
        }
        PACKETS_PER_DRAIN.saturating_sub(self.used.load(Ordering::Acquire))
    }

    /// Notes that the buffer has been handed on.
    pub(super) fn drain(&self) {
        if !self.is_between_transports() && self.used.swap(0, Ordering::AcqRel) != 0 {
            self.drains.count();
        }
    }

    fn is_between_transports(&self) -> bool {
        self.state.get() & (UPGRADING | UPGRADED) == UPGRADING
    }

    /// Notes that a polling session begins to become a websocket.
    pub(super) fn begin_upgrade(&self) {
        self.state.set(UPGRADING);
    }

    /// Notes that the session's transport is the websocket. What was emitted before may still be in the buffer: half a
    /// window does not overfill it, and is enough to notice the next drain.
    pub(super) fn end_upgrade(&self) {
        self.used.fetch_min(PACKETS_PER_DRAIN / 2, Ordering::AcqRel);
        self.state.set(UPGRADED);
        self.notify();
    }

    /// Wakes whoever waits for room, for another reason than a drain.
    pub(in crate::gateway) fn notify(&self) {
        self.drains.count();
    }

    /// Counts the moments at which there was room again.
    #[must_use]
    pub fn drains(&self) -> u64 {
        self.drains.get()
    }

    /// Completes with the number of drains once it differs from `seen`.
    pub async fn drained_since(&self, seen: u64) -> u64 {
        self.drains.until(|drains| drains != seen).await
    }

    /// Cuts the session, whichever transport it has, so that its client comes back.
    pub fn cut(&self, reason: CloseReason) {
        self.note_close_reason(reason);
        self.end();
    }

    /// Notes why the connection is about to be cut.
    pub(super) fn note_close_reason(&self, reason: CloseReason) {
        self.close_reason.get_or_init(|| reason);
    }

    /// Why the node cut it, if it did.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get().copied()
    }

    /// Ends what is left of it.
    pub(super) fn end(&self) {
        self.state.set(CUT);
        if let Some(connection) = self.websocket().upgrade() {
            connection.cut();
        }
    }

    fn websocket(&self) -> MutexGuard<'_, Weak<Connection>> {
        lock(&self.websocket)
    }

    /// Completes when the session is cut.
    pub async fn is_cut(&self) {
        self.state.until(|state| state & CUT != 0).await;
    }

    /// Completes when the session is cut or its websocket is gone.
    pub async fn is_over(&self) {
        self.state.until(|state| state & (CUT | WEBSOCKET_GONE) != 0).await;
    }

    /// As [`is_over`](Self::is_over), or when a polling session begins to become a websocket; returns whether it is that.
    pub(super) async fn is_over_or_upgrades(&self) -> bool {
        let state = self.state.until(|state| state & (CUT | WEBSOCKET_GONE | UPGRADING) != 0).await;
        state & (CUT | WEBSOCKET_GONE) == 0
    }

    fn websocket_gone(&self) {
        self.state.set(WEBSOCKET_GONE);
    }

    /// Makes a connection this session's websocket.
    pub fn attach_websocket(self: &Arc<Self>, connection: &Arc<Connection>) {
        *self.websocket() = Arc::downgrade(connection);
        let session = self.clone();
        connection.observe(move |event| match event {
            ConnectionEvent::Flushed => session.drain(),
            ConnectionEvent::WriteTimedOut => session.note_close_reason(CloseReason::WriteDeadline),
            ConnectionEvent::Closed => session.websocket_gone(),
        });
        if self.state.get() & CUT != 0 {
            connection.cut();
        }
    }

    /// Whether a connection is attached as its websocket.
    #[must_use]
    pub fn has_websocket(&self) -> bool {
        self.websocket().strong_count() != 0
    }
}

impl Drop for EngineSession {
    fn drop(&mut self) {
        if let Some(sessions) = self.sessions.upgrade() {
            sessions.remove(self.sid);
        }
    }
}

/// The node's sessions by id. A session is here as long as a socket or a connection holds it; no other request adds one.
#[derive(Debug)]
pub struct EngineSessions {
    by_sid: Mutex<HashMap<Sid, Weak<EngineSession>>>,
    /// For sessions that began by polling; all others have a connection each, and those are counted.
    polling_permits: Arc<Semaphore>,
}

impl EngineSessions {
    /// No sessions, and permits for `polling_max` that begin by polling, as far as a semaphore can count.
    #[must_use]
    pub fn new(polling_max: usize) -> Self {
        let permits = Semaphore::new(polling_max.min(Semaphore::MAX_PERMITS));
        Self { by_sid: Mutex::default(), polling_permits: Arc::new(permits) }
    }

    /// A permit for a session that begins by polling, if one is left.
    pub(super) fn polling_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.polling_permits.clone().try_acquire_owned().ok()
    }

    /// The session with this id; added if it is new.
    pub fn get_or_insert(self: &Arc<Self>, sid: Sid) -> Arc<EngineSession> {
        let mut by_sid = lock(&self.by_sid);
        if let Some(session) = by_sid.get(&sid).and_then(Weak::upgrade) {
            return session;
        }
        let session = Arc::new(EngineSession {
            sid,
            used: AtomicUsize::new(0),
            drains: Signal::default(),
            state: Signal::default(),
            close_reason: OnceLock::new(),
            websocket: Mutex::default(),
            sessions: Arc::downgrade(self),
        });
        by_sid.insert(sid, Arc::downgrade(&session));
        session
    }

    /// The session with this id, if it is known.
    #[must_use]
    pub fn get(&self, sid: Sid) -> Option<Arc<EngineSession>> {
        lock(&self.by_sid).get(&sid).and_then(Weak::upgrade)
    }

    /// All sessions now.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<EngineSession>> {
        lock(&self.by_sid).values().filter_map(Weak::upgrade).collect()
    }

    fn remove(&self, sid: Sid) {
        let mut by_sid = lock(&self.by_sid);
        // Another session may have the id of the one that is being dropped.
        if by_sid.get(&sid).is_some_and(|session| session.strong_count() == 0) {
            by_sid.remove(&sid);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::{
        io::AsyncReadExt as _,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::server::connection::Stream;

    fn session() -> (Arc<EngineSessions>, Arc<EngineSession>) {
        let sessions = Arc::new(EngineSessions::new(1));
        let session = sessions.get_or_insert(Sid::new());
        (sessions, session)
    }

    /// How many of `want` short packets get a slot.
    fn reserved(session: &EngineSession, want: usize) -> usize {
        (0..want).filter(|_| session.try_reserve(0)).count()
    }

    #[test]
    fn so_many_packets_fit_between_two_drains() {
        let (_links, session) = session();
        assert_eq!(reserved(&session, 40), 40);
        assert_eq!((session.capacity(), reserved(&session, 40), reserved(&session, 1)), (8, 8, 0));
        session.drain();
        assert_eq!(session.capacity(), PACKETS_PER_DRAIN);
    }

    #[tokio::test]
    async fn a_drain_between_the_look_and_the_wait_is_seen() {
        let (_links, session) = session();
        let seen = session.drains();
        assert_eq!(reserved(&session, 99), PACKETS_PER_DRAIN);
        session.drain();
        assert_eq!(session.drained_since(seen).await, seen + 1);
    }

    #[test]
    fn nothing_is_emitted_and_nothing_counts_as_a_drain_between_two_transports() {
        let (_links, session) = session();
        assert_eq!(reserved(&session, 40), 40);
        session.begin_upgrade();
        session.drain();
        assert_eq!((session.capacity(), reserved(&session, 1)), (0, 0));
        session.end_upgrade();
        assert_eq!(session.capacity(), PACKETS_PER_DRAIN / 2);
        session.drain();
        assert_eq!(session.capacity(), PACKETS_PER_DRAIN);
    }

    #[test]
    fn a_session_is_forgotten_with_its_last_holder() {
        let (sessions, session) = session();
        let sid = session.sid;
        assert!(Arc::ptr_eq(&session, &sessions.get_or_insert(sid)));
        drop(session);
        assert!(sessions.get(sid).is_none() && sessions.by_sid.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_cut_reaches_a_websocket_that_comes_later() {
        let (_links, session) = session();
        session.cut(CloseReason::Drain);
        let mut stream = stream().await;
        session.attach_websocket(&stream.connection());
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(session.state.get(), CUT);
        drop(stream);
        assert_eq!(session.state.get(), CUT | WEBSOCKET_GONE);
        session.is_over().await;
    }

    /// An accepted connection whose peer is silent.
    async fn stream() -> Stream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Stream::new(tcp, std::time::Duration::from_secs(60), permit).unwrap()
    }

    #[test]
    fn a_long_packet_takes_more_places_and_waits_for_one_only() {
        let (_links, session) = session();
        assert_eq!(reserved(&session, PACKETS_PER_DRAIN - 1), PACKETS_PER_DRAIN - 1);
        assert!(session.try_reserve(100 * SLOT_BYTES));
        assert!(!session.try_reserve(1));
        assert_eq!((session.capacity(), reserved(&session, 1)), (0, 0));
        session.drain();
        assert!(session.try_reserve(SLOT_BYTES));
        assert_eq!(session.capacity(), PACKETS_PER_DRAIN - 2);
    }
}
