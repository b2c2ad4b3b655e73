//! One TCP connection that can be observed and cut.
//!
//! A write to a peer that does not read blocks, and whoever waits for it notices nothing else; the deadline ends it.
//! Cutting the connection is the only way to make a Socket.IO client come back by itself: a disconnect packet tells it
//! to stay away.

use std::{
    fmt, io,
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

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// Everything that was written has been handed to the kernel.
    Flushed,
    /// A write has waited for the peer for too long; the connection is about to fail.
    WriteTimedOut,
    /// The connection is gone.
    Closed,
}

type Observer = Box<dyn Fn(ConnectionEvent) + Send + Sync>;

/// The handle to a connection; every request that comes over it carries one.
#[derive(Default)]
pub struct Connection {
    cut: CancellationToken,
    /// Set once the connection has become a websocket: until then it may bring unrelated requests.
    observer: OnceLock<Observer>,
}

impl Connection {
    /// Ends the connection without another byte.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Reports what happens to the connection from now on; the first observer counts.
    pub fn observe(&self, observer: impl Fn(ConnectionEvent) + Send + Sync + 'static) {
        self.observer.get_or_init(|| Box::new(observer));
    }

    fn report(&self, event: ConnectionEvent) {
        if let Some(observer) = self.observer.get() {
            observer(event);
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("cut", &self.cut.is_cancelled()).finish_non_exhaustive()
    }
}

/// The bytes of a connection.
pub struct Stream {
    tcp: TcpStream,
    connection: Arc<Connection>,
    /// One each for the reading and the writing task: such a future wakes one task.
    read_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    write_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    write_timeout: Duration,
    /// Runs while a write waits for the peer.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Counts against the node's connections, also after the request that became a websocket has been answered.
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    /// Takes an accepted connection; small packets leave at once.
    ///
    /// # Errors
    ///
    /// The connection is gone already.
    pub fn new(tcp: TcpStream, write_timeout: Duration, permit: OwnedSemaphorePermit) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let connection = Arc::new(Connection::default());
        let cut = || Box::pin(connection.cut.clone().cancelled_owned());
        let (read_cut, write_cut) = (cut(), cut());
        Ok(Self { tcp, connection, read_cut, write_cut, write_timeout, deadline: None, _permit: permit })
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
        self.connection.report(ConnectionEvent::WriteTimedOut);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.report(ConnectionEvent::Closed);
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

    /// The websocket's writer flushes once it has taken everything that waited.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.tcp).poll_flush(cx))?;
        self.connection.report(ConnectionEvent::Flushed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
