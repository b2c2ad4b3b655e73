//! The accept loop: a bounded number of connections, each of which can be observed and cut.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
};
use tower::{ServiceExt as _, service_fn};
use tower_http::timeout::DeadlineBody;

use crate::{config, lifecycle::Lifecycle, server::connection::Stream};

/// Connections that may wait to be accepted. When a node dies, all its clients come to the others at once; those that do
/// not fit here are refused or delayed. The kernel grants at most `net.core.somaxconn`.
const BACKLOG: u32 = 65_535;

/// The largest head of a request, in bytes, which hyper buffers. A longer one is refused with 431. Bodies may be larger:
/// they are streamed.
const HEAD_BYTES_MAX: usize = 32_768;

/// Pause after a failed accept, so that the loop does not spin while no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a request under way may still write its response once the node has stopped.
const LAST_ANSWER: Duration = Duration::from_millis(200);

/// Listens on an address; port 0 takes a free one.
///
/// # Errors
///
/// The system refuses it.
///
/// # Panics
///
/// Outside of a runtime.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restarted node need not wait until its old connections have timed out.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves until `life.closing`. Then the listener closes, and each connection ends after its current request; those that
/// are still open when the node has stopped are cut.
pub async fn serve(listener: TcpListener, app: Router, settings: config::Server, life: Lifecycle) {
    let permits = Arc::new(Semaphore::new(settings.max_connections));
    let accepting = async {
        loop {
            let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((tcp, _)) => {
                    let Ok(stream) = Stream::new(tcp, settings.write_timeout, permit) else { continue };
                    let served = connection(stream, app.clone(), settings.clone(), life.clone());
                    life.tracker.spawn(served);
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    life.closing.run_until_cancelled(accepting).await;
}

async fn connection(stream: Stream, app: Router, settings: config::Server, life: Lifecycle) {
    let connection = stream.connection();
    let app = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        // After the deadline reading the body fails, and the connection is closed.
        app.clone().oneshot(request.map(|body| DeadlineBody::new(settings.body_timeout, body)))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)).with_upgrades();
    tokio::pin!(served);
    // Errors are the client's: it went away, or does not speak HTTP.
    tokio::select! {
        _ = served.as_mut() => {}
        () = life.closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            let end = async {
                life.stopping.cancelled().await;
                tokio::time::sleep(LAST_ANSWER).await;
            };
            tokio::select! { _ = served => {}, () = end => {} }
        }
    }
}
