//! Asks the node on this machine whether it is alive; for containers, which bring no other client.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, ensure};

use crate::config::Server;

/// How long each step may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks `GET /healthz`.
///
/// # Errors
///
/// Nobody answers, or not with 200.
pub fn ask(settings: &Server) -> anyhow::Result<()> {
    let host = if settings.host.is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { settings.host };
    let addr = SocketAddr::new(host, settings.port);
    let mut tcp =
        TcpStream::connect_timeout(&addr, TIMEOUT).with_context(|| format!("nobody listens on {addr}"))?;
    tcp.set_read_timeout(Some(TIMEOUT))?;
    tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    tcp.read_exact(&mut status).context("there was no answer")?;
    ensure!(&status == b"HTTP/1.1 200", "the answer was {:?}", String::from_utf8_lossy(&status));
    Ok(())
}
