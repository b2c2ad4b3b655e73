//! The accept loop: bounded connections, each of which can be watched and cut.

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

use crate::{config, gateway::connection::Stream, lifecycle::Lifecycle};

/// Connections that wait to be accepted. When a node is gone all its clients come to the others at once; whom the
/// kernel finds no place for is refused or comes late. It grants `net.core.somaxconn` at most.
const BACKLOG: u32 = 65_535;

/// The largest head of a request, in bytes; hyper keeps what it has read of one. A longer one is refused with 431.
/// Bodies may be larger: they are handed on as they come.
const HEAD_BYTES_MAX: usize = 32_768;

/// Pause after the system refused a connection, so that it does not spin while no file is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What is left of a request once the node has stopped: the time to write an answer.
const LAST_ANSWER: Duration = Duration::from_millis(200);

/// Listens at an address; port 0 is any that is free.
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
    // A node that was restarted need not wait for its old connections' ends.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Serves until `life.closing`; then the listener is closed, and requests under way are answered as their
/// connections' last. One that its client does not finish is cut when the node has stopped.
pub async fn serve(listener: TcpListener, app: Router, settings: config::Server, life: Lifecycle) {
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let accepting = async {
        loop {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((tcp, _)) => {
                    let Ok(stream) = Stream::new(tcp, settings.write_timeout, place) else { continue };
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
        // Whoever waits for the body fails then, and a connection whose request was not read to its end is closed.
        app.clone().oneshot(request.map(|body| DeadlineBody::new(settings.body_timeout, body)))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout).max_buf_size(HEAD_BYTES_MAX);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)).with_upgrades();
    tokio::pin!(served);
    // An error is the client's: it went away, or did not speak HTTP.
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
