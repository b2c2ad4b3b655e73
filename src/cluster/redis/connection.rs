//! Connections to Redis.

use ::redis::{
    AsyncConnectionConfig, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use anyhow::{Context as _, ensure};
use deadpool_redis::{Manager, Pool};

use crate::config;

/// Where and how to connect. The URL may hold a password: no error quotes it.
pub(super) fn connection_info(settings: &config::Bus) -> anyhow::Result<ConnectionInfo> {
    let url = settings.url.as_ref().context("bus.url is not set")?.expose();
    ensure!(!url.starts_with("rediss://"), "bus.url is rediss://, but this build has no TLS");
    let info = url.into_connection_info().context("bus.url cannot be used")?;
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Without it each exchange may wait for the peer's delayed acknowledgement.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
}

/// A pool of so many connections, each opened when it is needed first.
pub(super) fn pool(
    info: &ConnectionInfo,
    connecting: &AsyncConnectionConfig,
    size: usize,
) -> anyhow::Result<Pool> {
    let manager = Manager::new_with_config(info.clone(), connecting.clone())?;
    Ok(Pool::builder(manager).max_size(size).build()?)
}

/// Names a connection for whoever looks at `CLIENT LIST`. Redis may not allow
/// it, which harms nothing; if the connection failed, its next use finds out.
pub(super) async fn name_connection(connection: &mut MultiplexedConnection, name: &str) {
    let _ = ::redis::cmd("CLIENT").arg("SETNAME").arg(name).exec_async(connection).await;
}

/// Chance for a pause. Where there is none, pauses are longer, nothing else.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}
