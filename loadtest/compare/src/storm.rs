//! Many clients that come at once, one that was away for long, and a network that breaks all the time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use chorus_load::{
    engine::Engine,
    socket::{CHAT, Event, Packet, Prefix, TUTORIAL},
    target::Target,
};
use serde_json::Value;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::crowd::{Failed, connect_at_last};

/// Whoever has not got everything by then has lost something.
const PATIENCE: Duration = Duration::from_secs(120);

/// After all are complete it is watched for so long that each is still there and is shown nothing twice.
const LINGER: Duration = Duration::from_secs(1);

/// What a crowd that came at once met.
pub(crate) struct Returned {
    /// Until the last one was complete.
    pub(crate) took: Duration,
    /// Tries to connect that failed; each was followed by another.
    pub(crate) failed: u64,
}

/// Brings clients to a node at once, each of which has all up to `after`, until every one has been shown all up
/// to `upto`, in order, and all are there together.
///
/// # Errors
///
/// One is not complete for two minutes, is shown something twice, out of order, or not at all, or loses its connection.
pub(crate) async fn return_all(url: &str, clients: usize, after: u64, upto: u64) -> anyhow::Result<Returned> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let failed = Arc::new(Failed::default());
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (target, failed) = (target.clone(), failed.clone());
        tasks.spawn(async move { catch_up(&target, TUTORIAL, after, upto, &failed).await });
    }
    let mut crowd = Vec::with_capacity(clients);
    while let Some(one) = tasks.join_next().await {
        crowd.push(one??);
    }
    let took = begin.elapsed();
    let mut watched = JoinSet::new();
    for engine in crowd {
        watched.spawn(timeout(LINGER, stay(engine)));
    }
    while let Some(one) = watched.join_next().await {
        // In time nothing happened to it.
        if let Ok(Err(error)) = one? {
            return Err(error.context("after all were complete"));
        }
    }
    Ok(Returned { took, failed: failed.count() })
}

/// Answers heartbeats for ever.
///
/// # Errors
///
/// The connection is lost, or something is shown.
async fn stay(mut engine: Engine) -> anyhow::Result<std::convert::Infallible> {
    let mut packets = Vec::new();
    loop {
        engine.send(&mut packets).await?;
        let packet = engine.next().await?;
        ensure!(packet.as_str() == "2", "{packet:.100}");
        packets.push("3".to_owned());
    }
}

/// Connects one client that has all up to `after`, and lets it take all up to `upto`.
///
/// # Errors
///
/// It is not complete for two minutes, or is shown something twice, out of order, or not at all.
pub(crate) async fn catch_up(
    target: &Target,
    on: Prefix,
    after: u64,
    upto: u64,
    failed: &Failed,
) -> anyhow::Result<Engine> {
    let hello = match on {
        TUTORIAL => format!(r#"40{{"serverOffset":{after}}}"#),
        _ => "40/chat,{}".to_owned(),
    };
    let all = async {
        let mut engine = connect_at_last(target, &hello, failed).await;
        let (mut packets, mut shown) = (Vec::new(), after);
        while shown < upto {
            engine.send(&mut packets).await?;
            let packet = engine.next().await?;
            if packet.as_str() == "2" {
                packets.push("3".to_owned());
                continue;
            }
            let read = packet.strip_prefix('4').and_then(|packet| Packet::read(packet, on));
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
                    let place = serde_json::json!({ "epoch": session["epoch"], "seq": after });
                    packets.push(format!(r#"42/chat,0["join",{{"room":"lobby","after":{place}}}]"#));
                }
                Event::Notice(notice) => bail!("notice {}", notice.code),
                Event::Other => {}
            }
            packets.extend(ack.map(|ack| format!("43{}{ack}[]", on.0)));
        }
        engine.send(&mut packets).await?;
        Ok(engine)
    };
    timeout(PATIENCE, all).await.context("not complete in time")?
}

/// How long a client that missed so much takes on each namespace: `/`, `/chat`.
///
/// # Errors
///
/// It is not let in at the first try, or what [`catch_up`] says.
pub(crate) async fn replay(url: &str, upto: u64) -> anyhow::Result<[Duration; 2]> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let mut took = [Duration::ZERO; 2];
    for (took, on) in took.iter_mut().zip([TUTORIAL, CHAT]) {
        let begin = Instant::now();
        let failed = Failed::default();
        catch_up(&target, on, 0, upto, &failed).await?;
        ensure!(failed.count() == 0, "it was not let in at once");
        *took = begin.elapsed();
    }
    Ok(took)
}

/// A way to a node that breaks every connection once in a while; it is there until this is dropped.
pub(crate) struct Flapping {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Flapping {
    /// A way to `node` on which each connection lives for `life` at most.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub(crate) async fn to(node: SocketAddr, life: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                ways.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(node).await else { return };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = sleep(life) => {}
                    }
                });
                while ways.try_join_next().is_some() {}
            }
        });
        Ok(Self { addr, _tasks: tasks })
    }
}
