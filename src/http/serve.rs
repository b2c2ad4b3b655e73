//! The accept loop: bounded connections, each of which can be watched and cut.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceExt as _, service_fn};

use crate::{config, gateway::connection::Stream};

/// Pause after the system refused a connection, so that it does not spin while no file is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `closing`; then the listener is closed, and requests under way are
/// answered as their connections' last, until `stopping`.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    settings: config::Server,
    tracker: TaskTracker,
    closing: CancellationToken,
    stopping: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let accepting = async {
        loop {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((tcp, _)) => {
                    let served =
                        connection(tcp, app.clone(), settings.clone(), closing.clone(), stopping.clone());
                    tracker.spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    closing.run_until_cancelled(accepting).await;
}

async fn connection(
    tcp: TcpStream,
    app: Router,
    settings: config::Server,
    closing: CancellationToken,
    stopping: CancellationToken,
) {
    let Ok(stream) = Stream::new(tcp, settings.write_timeout) else { return };
    let connection = stream.connection();
    let app = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        app.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app)).with_upgrades();
    tokio::pin!(served);
    // An error is the client's: it went away, or did not speak HTTP.
    tokio::select! {
        _ = served.as_mut() => {}
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            // A request that is half sent by then never comes whole.
            let _ = stopping.run_until_cancelled(served).await;
        }
    }
}
