//! A contender: socketioxide alone, which broadcasts without storing anything.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use axum::{Router, serve::ListenerExt as _};
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::var("PORT").context("PORT")?.parse().context("PORT")?;
    let (layer, io) = SocketIo::new_layer();
    let count = Arc::new(AtomicU64::new(0));
    io.ns("/", async move |socket: SocketRef| {
        socket.on(
            "chat message",
            async move |io: SocketIo, Data((content, _)): Data<(String, String)>, ack: AckSender| {
                let seq = count.fetch_add(1, Ordering::Relaxed) + 1;
                drop(io.emit("chat message", &(content, seq)).await);
                drop(ack.send(&([] as [(); 0])));
            },
        );
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|tcp| {
        // Nagle's algorithm with delayed acks makes each exchange take about 45 ms.
        let _ = tcp.set_nodelay(true);
    });
    axum::serve(listener, Router::new().layer(layer)).await?;
    Ok(())
}
