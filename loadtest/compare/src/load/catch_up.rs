//! Clients that reconnect and catch up: many at once, or one that missed very many messages.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use chorus_load::{
    dialect::Dialect,
    engine::Engine,
    packet::{Event, Packet},
    target::Target,
};
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::load::connections::{FailedAttempts, connect_with_retries};

/// A client that has not caught up by then counts as having lost messages.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(120);

/// How long to watch for lost connections and repeats after all have caught up.
const REPEAT_WATCH: Duration = Duration::from_secs(1);

pub(crate) struct CaughtUp {
    /// Until the last client had caught up.
    pub(crate) took: Duration,
    /// Failed attempts to connect, each of which was retried.
    pub(crate) failed_attempts: u64,
}

/// Connects all clients at once on `/`. Each has the messages up to `after` and must get the others up to `upto`.
///
/// # Errors
///
/// A client does not catch up within two minutes, misses or repeats a message, or loses its connection.
pub(crate) async fn catch_up_all(
    url: &str,
    clients: usize,
    after: u64,
    upto: u64,
) -> anyhow::Result<CaughtUp> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let failed = Arc::new(FailedAttempts::default());
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (target, failed) = (target.clone(), failed.clone());
        tasks.spawn(async move { catch_up(&target, Dialect::Tutorial, after, upto, &failed).await });
    }
    let mut engines = Vec::with_capacity(clients);
    while let Some(engine) = tasks.join_next().await {
        engines.push(engine??);
    }
    let took = begin.elapsed();
    let mut watched = JoinSet::new();
    for engine in engines {
        watched.spawn(timeout(REPEAT_WATCH, expect_silence(engine)));
    }
    while let Some(watch) = watched.join_next().await {
        if let Ok(Err(error)) = watch? {
            return Err(error.context("after all clients had caught up"));
        }
    }
    Ok(CaughtUp { took, failed_attempts: failed.count() })
}

/// Answers heartbeats; fails when the connection is lost or anything else arrives.
async fn expect_silence(mut engine: Engine) -> anyhow::Result<std::convert::Infallible> {
    let mut packets = Vec::new();
    loop {
        engine.send(&mut packets).await?;
        let packet = engine.next().await?;
        ensure!(packet.as_str() == "2", "unexpected packet: {packet:.100}");
        packets.push("3".to_owned());
    }
}

/// Connects one client that has the messages up to `after` and receives the others up to `upto`.
///
/// # Errors
///
/// It does not catch up within two minutes, or misses or repeats a message.
pub(crate) async fn catch_up(
    target: &Target,
    dialect: Dialect,
    after: u64,
    upto: u64,
    failed: &FailedAttempts,
) -> anyhow::Result<Engine> {
    let connect = match dialect {
        Dialect::Tutorial => format!(r#"40{{"serverOffset":{after}}}"#),
        Dialect::Native => "40/chat,{}".to_owned(),
    };
    let prefix = dialect.prefix();
    let caught_up = async {
        let mut engine = connect_with_retries(target, &connect, failed).await;
        let (mut packets, mut shown) = (Vec::new(), after);
        while shown < upto {
            engine.send(&mut packets).await?;
            let packet = engine.next().await?;
            if packet.as_str() == "2" {
                packets.push("3".to_owned());
                continue;
            }
            let read = packet.strip_prefix('4').and_then(|packet| Packet::read(packet, prefix));
            let Some(Packet::Event(ack, event)) = read else { continue };
            let mut show = |seq: u64| {
                ensure!(seq == shown + 1, "{seq} after {shown}");
                shown = seq;
                Ok(())
            };
            match serde_json::from_str(event)? {
                Event::ChatMessage(_, seq) => show(seq)?,
                Event::Message(message) => show(message.seq)?,
                Event::Messages(page) => page.iter().try_for_each(|message| show(message.seq))?,
                Event::Session(session) => {
                    let session: Value = serde_json::from_str(session.get())?;
                    let cursor = serde_json::json!({ "epoch": session["epoch"], "seq": after });
                    packets.push(format!(r#"42/chat,0["join",{{"room":"lobby","after":{cursor}}}]"#));
                }
                Event::Notice(notice) => bail!("notice {}", notice.code),
                Event::Other => {}
            }
            packets.extend(ack.map(|ack| format!("43{}{ack}[]", prefix.0)));
        }
        engine.send(&mut packets).await?;
        Ok(engine)
    };
    timeout(CATCH_UP_TIMEOUT, caught_up).await.context("a client did not catch up in time")?
}

/// How long a new client takes to receive everything up to `upto`: on `/`, on `/chat`.
///
/// # Errors
///
/// Those of [`catch_up`], or the first attempt to connect fails.
pub(crate) async fn replay(url: &str, upto: u64) -> anyhow::Result<[Duration; 2]> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let mut took = [Duration::ZERO; 2];
    for (took, dialect) in took.iter_mut().zip([Dialect::Tutorial, Dialect::Native]) {
        let begin = Instant::now();
        let failed = FailedAttempts::default();
        catch_up(&target, dialect, 0, upto, &failed).await?;
        ensure!(failed.count() == 0, "the first attempt to connect failed");
        *took = begin.elapsed();
    }
    Ok(took)
}
