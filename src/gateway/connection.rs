//! One TCP connection, so that it can be watched and cut.
//!
//! A writer blocked on a peer that does not read watches nothing else: the
//! deadline ends it. Cutting a connection is the only way to make a Socket.IO client
//! come back by itself: a disconnect packet tells it to stay away.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::link::{Cut, Link};

/// The handle to a connection; every request that comes over it carries one.
#[derive(Debug, Default)]
pub struct Connection {
    cut: CancellationToken,
    /// The Engine.IO session whose websocket this is: none while it may bring other requests.
    link: OnceLock<Arc<Link>>,
}

impl Connection {
    /// Ends the connection, without another byte.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Makes this the websocket of a session; the first one counts.
    pub(super) fn carry(&self, link: Arc<Link>) {
        self.link.get_or_init(|| link);
    }
}

/// The bytes of a connection.
pub struct Stream {
    tcp: TcpStream,
    connection: Arc<Connection>,
    /// One each for the reading and the writing task: such a future wakes one.
    read_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    write_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    write_timeout: Duration,
    /// Runs while a write waits for the peer.
    deadline: Option<Pin<Box<Sleep>>>,
    /// One of the node's places for connections: a websocket keeps it after its request is answered.
    _place: OwnedSemaphorePermit,
}

impl Stream {
    /// Takes an accepted connection; small packets leave at once.
    ///
    /// # Errors
    ///
    /// The connection is gone already.
    pub fn new(tcp: TcpStream, write_timeout: Duration, place: OwnedSemaphorePermit) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let connection = Arc::new(Connection::default());
        let cut = || Box::pin(connection.cut.clone().cancelled_owned());
        let (read_cut, write_cut) = (cut(), cut());
        Ok(Self { tcp, connection, read_cut, write_cut, write_timeout, deadline: None, _place: place })
    }

    /// The handle to this connection.
    #[must_use]
    pub fn connection(&self) -> Arc<Connection> {
        self.connection.clone()
    }

    /// Ends a write's wait: by its result, the deadline, or a cut.
    fn bound<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        if self.write_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let timeout = self.write_timeout;
        let deadline =
            self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + timeout)));
        ready!(deadline.as_mut().poll(cx));
        if let Some(link) = self.connection.link.get() {
            link.note_cut(Cut::WriteDeadline);
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(link) = self.connection.link.get() {
            link.lose();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.bound(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.bound(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    /// The websocket's writer flushes when it has taken all that waited: the session may send more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.tcp).poll_flush(cx))?;
        if let Some(link) = self.connection.link.get() {
            link.drain();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
