//! Checks whether the node on this machine is alive; for containers without an HTTP client.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, ensure};

use crate::config::Server;

/// How long each step may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Requests `/healthz`.
///
/// # Errors
///
/// There is no response, or its status is not 200.
pub fn ask(settings: &Server) -> anyhow::Result<()> {
    let host = if settings.host.is_unspecified() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { settings.host };
    let addr = SocketAddr::new(host, settings.port);
    let mut tcp =
        TcpStream::connect_timeout(&addr, TIMEOUT).with_context(|| format!("cannot connect to {addr}"))?;
    tcp.set_read_timeout(Some(TIMEOUT))?;
    tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    tcp.read_exact(&mut status).with_context(|| format!("no response from {addr}"))?;
    ensure!(&status == b"HTTP/1.1 200", "{addr} responded with {:?}", String::from_utf8_lossy(&status));
    Ok(())
}
