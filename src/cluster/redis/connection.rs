//! Connections to Redis.

use ::redis::{
    AsyncConnectionConfig, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use anyhow::{Context as _, ensure};
use deadpool_redis::{Manager, Pool};

use crate::config;

/// Reads `bus.url`. It may hold a password, so no error quotes it.
pub(super) fn connection_info(settings: &config::Bus) -> anyhow::Result<ConnectionInfo> {
    let url = settings.url.as_ref().context("bus.url is not set")?.expose();
    ensure!(
        !url.starts_with("rediss://"),
        "bus.url begins with rediss://, but this build has no TLS: use redis://"
    );
    let info = url.into_connection_info().context("bus.url is not a valid Redis URL")?;
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Otherwise each exchange may wait for the peer's delayed TCP acknowledgement.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(info.set_redis_settings(redis).set_tcp_settings(tcp))
}

/// A pool of at most `size` connections, opened on demand.
pub(super) fn pool(
    info: &ConnectionInfo,
    config: &AsyncConnectionConfig,
    size: usize,
) -> anyhow::Result<Pool> {
    let manager = Manager::new_with_config(info.clone(), config.clone())?;
    Ok(Pool::builder(manager).max_size(size).build()?)
}

/// Names a connection in `CLIENT LIST`. Errors are ignored: Redis may forbid it, and if the connection has failed, its
/// next use notices.
pub(super) async fn name_connection(connection: &mut MultiplexedConnection, name: &str) {
    let _ = ::redis::cmd("CLIENT").arg("SETNAME").arg(name).exec_async(connection).await;
}

/// A random number for a backoff; without random numbers, pauses have no jitter.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}
