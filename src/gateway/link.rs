//! One Engine.IO session's way out: how much may be in it, and how it is cut.
//!
//! The engine buffers 128 packets a session and drops what does not fit; its
//! heartbeat dies of a full buffer, and an upgrade of the transport deadlocks on
//! one. So a session never fills it. It may emit [`PACKETS_PER_DRAIN`] packets
//! between two drains, and a drain is seen from outside: the websocket's writer
//! flushes, or a polling request is answered.
//!
//! A packet that was emitted just before a drain was noticed may still be there,
//! so twice that number is in the buffer at most. While a polling session becomes a
//! websocket nothing drains, though requests are answered and bytes are flushed: it emits nothing then.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use socketioxide::socket::Sid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{connection::Connection, signal::Signal};
use crate::sync::lock;

/// Packets between two drains; twice this leaves room for heartbeats and the upgrade in a buffer of 128.
pub const PACKETS_PER_DRAIN: usize = 48;

/// What one place holds, in bytes: a longer packet takes several.
const PLACE_BYTES: usize = 16 * 1024;

/// Why a session was made to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It had messages waiting and took none for too long.
    Stalled,
    /// It took none of its answers for too long.
    Unread,
    /// Its peer did not take bytes for too long.
    WriteDeadline,
    /// The log could not be read for too long while it joined its rooms.
    LogUnreadable,
    /// The node is going away.
    Drain,
}

impl Cut {
    /// Its name in metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Unread => "unread",
            Self::WriteDeadline => "write_deadline",
            Self::LogUnreadable => "log_unreadable",
            Self::Drain => "drain",
        }
    }
}

/// A polling session has begun to become a websocket; it tries once, since one that fails is cut.
const UPGRADING: u64 = 1;
/// It has become one.
const UPGRADED: u64 = 2;
/// A connection that came to be its websocket is gone.
const LOST: u64 = 4;
/// The session is to come back: its polling requests are answered as if it were unknown.
const CUT: u64 = 8;

/// An Engine.IO session, as the gateway sees it.
#[derive(Debug)]
pub struct Link {
    sid: Sid,
    /// Packets emitted since the last drain.
    used: AtomicUsize,
    /// Times that there may be room again.
    drains: Signal,
    /// What has happened to it: some of the bits above.
    fate: Signal,
    /// The first reason for that; none if it is gone by itself.
    why_cut: OnceLock<Cut>,
    /// The newest connection that came to be its websocket; an attempt may fail and another follow.
    websocket: Mutex<Weak<Connection>>,
    links: Weak<Links>,
}

impl Link {
    /// Takes the place of one short packet, if there is any left; it is given back by the next drain.
    #[must_use]
    pub fn take(&self) -> bool {
        self.take_for(0)
    }

    /// Takes the places of one packet of so many bytes, if there is any left. A long one may take more than that:
    /// it need not wait until all is drained, which others would let happen late, but nothing follows it before.
    #[must_use]
    pub fn take_for(&self, bytes: usize) -> bool {
        let places = 1 + bytes / PLACE_BYTES;
        let grant = |used: usize| (used < PACKETS_PER_DRAIN).then_some(used + places);
        !self.is_between_transports()
            && self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grant).is_ok()
    }

    /// How many packets there is room for now.
    #[must_use]
    pub fn room(&self) -> usize {
        if self.is_between_transports() {
            return 0;
        }
        PACKETS_PER_DRAIN.saturating_sub(self.used.load(Ordering::Acquire))
    }

    /// Notes that the engine has handed on all that waited.
    pub(super) fn drain(&self) {
        if !self.is_between_transports() && self.used.swap(0, Ordering::AcqRel) != 0 {
            self.drains.count();
        }
    }

    fn is_between_transports(&self) -> bool {
        self.fate.get() & (UPGRADING | UPGRADED) == UPGRADING
    }

    /// Notes that a polling session begins to become a websocket.
    pub(super) fn begin_upgrade(&self) {
        self.fate.set(UPGRADING);
    }

    /// Notes that the session's transport is the websocket. What was emitted before may still be in
    /// the buffer: half a window keeps it from filling, and is enough to see the next drain.
    pub(super) fn end_upgrade(&self) {
        self.used.fetch_min(PACKETS_PER_DRAIN / 2, Ordering::AcqRel);
        self.fate.set(UPGRADED);
        self.nudge();
    }

    /// Wakes whoever waits for room, for another reason than a drain.
    pub(super) fn nudge(&self) {
        self.drains.count();
    }

    /// How often there was room again.
    #[must_use]
    pub fn drains(&self) -> u64 {
        self.drains.get()
    }

    /// Completes with the number of drains when it is another than `seen`.
    pub async fn drained_since(&self, seen: u64) -> u64 {
        self.drains.until(|drains| drains != seen).await
    }

    /// Makes the client come back, on whichever transport it is.
    pub fn cut(&self, why: Cut) {
        self.note_cut(why);
        self.end();
    }

    /// Notes why its connection is about to be cut.
    pub(super) fn note_cut(&self, why: Cut) {
        self.why_cut.get_or_init(|| why);
    }

    /// Why it was cut, if it was.
    #[must_use]
    pub fn why_cut(&self) -> Option<Cut> {
        self.why_cut.get().copied()
    }

    /// Ends what is left of it.
    pub(super) fn end(&self) {
        self.fate.set(CUT);
        if let Some(connection) = self.websocket().upgrade() {
            connection.cut();
        }
    }

    fn websocket(&self) -> MutexGuard<'_, Weak<Connection>> {
        lock(&self.websocket)
    }

    /// Completes when the session is to come back.
    pub async fn is_cut(&self) {
        self.fate.until(|fate| fate & CUT != 0).await;
    }

    /// Completes when the session is to come back, or a connection that came to be its websocket is gone.
    pub async fn is_over(&self) {
        self.fate.until(|fate| fate & (CUT | LOST) != 0).await;
    }

    /// Completes likewise, or when a polling session begins to become a websocket; whether it is that.
    pub(super) async fn is_over_or_upgrades(&self) -> bool {
        self.fate.until(|fate| fate & (CUT | LOST | UPGRADING) != 0).await & (CUT | LOST) == 0
    }

    pub(super) fn lose(&self) {
        self.fate.set(LOST);
    }

    /// Makes a connection this session's websocket.
    pub fn ride(self: &Arc<Self>, connection: &Arc<Connection>) {
        *self.websocket() = Arc::downgrade(connection);
        connection.carry(self.clone());
        if self.fate.get() & CUT != 0 {
            connection.cut();
        }
    }

    /// Whether a connection is known to be this session's websocket.
    #[must_use]
    pub fn rides(&self) -> bool {
        self.websocket().strong_count() != 0
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(links) = self.links.upgrade() {
            links.forget(self.sid);
        }
    }
}

/// The node's sessions by their id. One is here as long as a socket or a
/// connection holds it, and no request makes one without being either.
#[derive(Debug)]
pub struct Links {
    by_sid: Mutex<HashMap<Sid, Weak<Link>>>,
    /// For sessions that began by polling: of the others each has a connection, and these are counted.
    places: Arc<Semaphore>,
}

impl Links {
    /// No sessions, and places for so many that begin by polling, as far as a semaphore can count.
    #[must_use]
    pub fn new(polling_max: usize) -> Self {
        let places = Semaphore::new(polling_max.min(Semaphore::MAX_PERMITS));
        Self { by_sid: Mutex::default(), places: Arc::new(places) }
    }

    /// A place for a session that begins by polling, if one is left.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// The session's link; made if it is the first to ask.
    pub fn link(self: &Arc<Self>, sid: Sid) -> Arc<Link> {
        let mut by_sid = lock(&self.by_sid);
        if let Some(link) = by_sid.get(&sid).and_then(Weak::upgrade) {
            return link;
        }
        let link = Arc::new(Link {
            sid,
            used: AtomicUsize::new(0),
            drains: Signal::default(),
            fate: Signal::default(),
            why_cut: OnceLock::new(),
            websocket: Mutex::default(),
            links: Arc::downgrade(self),
        });
        by_sid.insert(sid, Arc::downgrade(&link));
        link
    }

    /// The session's link, if it has one.
    #[must_use]
    pub fn get(&self, sid: Sid) -> Option<Arc<Link>> {
        lock(&self.by_sid).get(&sid).and_then(Weak::upgrade)
    }

    /// All sessions now.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Link>> {
        lock(&self.by_sid).values().filter_map(Weak::upgrade).collect()
    }

    fn forget(&self, sid: Sid) {
        let mut by_sid = lock(&self.by_sid);
        // A new link may have taken the place of the one that is being dropped.
        if by_sid.get(&sid).is_some_and(|link| link.strong_count() == 0) {
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
    use crate::gateway::connection::Stream;

    fn link() -> (Arc<Links>, Arc<Link>) {
        let links = Arc::new(Links::new(1));
        let link = links.link(Sid::new());
        (links, link)
    }

    /// How many of so many short packets get their places.
    fn taken(link: &Link, want: usize) -> usize {
        (0..want).filter(|_| link.take()).count()
    }

    #[test]
    fn so_many_packets_fit_between_two_drains() {
        let (_links, link) = link();
        assert_eq!(taken(&link, 40), 40);
        assert_eq!((link.room(), taken(&link, 40), taken(&link, 1)), (8, 8, 0));
        link.drain();
        assert_eq!(link.room(), PACKETS_PER_DRAIN);
    }

    #[tokio::test]
    async fn a_drain_between_the_look_and_the_wait_is_seen() {
        let (_links, link) = link();
        let seen = link.drains();
        assert_eq!(taken(&link, 99), PACKETS_PER_DRAIN);
        link.drain();
        assert_eq!(link.drained_since(seen).await, seen + 1);
    }

    #[test]
    fn nothing_is_emitted_and_nothing_counts_as_a_drain_between_two_transports() {
        let (_links, link) = link();
        assert_eq!(taken(&link, 40), 40);
        link.begin_upgrade();
        link.drain();
        assert_eq!((link.room(), taken(&link, 1)), (0, 0));
        link.end_upgrade();
        assert_eq!(link.room(), PACKETS_PER_DRAIN / 2);
        link.drain();
        assert_eq!(link.room(), PACKETS_PER_DRAIN);
    }

    #[test]
    fn a_session_is_forgotten_with_its_last_holder() {
        let (links, link) = link();
        let sid = link.sid;
        assert!(Arc::ptr_eq(&link, &links.link(sid)));
        drop(link);
        assert!(links.get(sid).is_none() && links.by_sid.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_cut_reaches_a_websocket_that_comes_later() {
        let (_links, link) = link();
        link.cut(Cut::Drain);
        let mut stream = stream().await;
        link.ride(&stream.connection());
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(link.fate.get(), CUT);
        drop(stream);
        assert_eq!(link.fate.get(), CUT | LOST);
        link.is_over().await;
    }

    /// An accepted connection whose peer says nothing.
    async fn stream() -> Stream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Stream::new(tcp, std::time::Duration::from_secs(60), place).unwrap()
    }

    #[test]
    fn a_long_packet_takes_more_places_and_waits_for_one_only() {
        let (_links, link) = link();
        assert_eq!(taken(&link, PACKETS_PER_DRAIN - 1), PACKETS_PER_DRAIN - 1);
        assert!(link.take_for(100 * PLACE_BYTES));
        assert!(!link.take_for(1));
        assert_eq!((link.room(), taken(&link, 1)), (0, 0));
        link.drain();
        assert!(link.take_for(PLACE_BYTES));
        assert_eq!(link.room(), PACKETS_PER_DRAIN - 2);
    }
}
