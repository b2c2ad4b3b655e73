//! A few senders that keep many messages under way each: what a log takes.

use std::{
    collections::HashMap,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use chorus_load::{engine::Engine, latency::Times, target::Target};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::crowd::connect;

/// Floods so far: their nonces must not meet.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// What senders say, and where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    /// On `/`, where they receive what all of them say.
    Tutorial,
    /// On `/chat`, in a room that they have not joined.
    Native,
}

/// What the senders were answered.
pub(crate) struct Flooded {
    /// Messages, before the end.
    pub(crate) acked: u64,
    /// Messages that were answered by a refusal.
    pub(crate) refused: u64,
    /// Messages that were not answered, also not after the end.
    pub(crate) unanswered: u64,
    /// From when a message was due to its ack, in microseconds; without a rate it is due when it is sent.
    pub(crate) times: Times,
}

impl Default for Flooded {
    fn default() -> Self {
        let times = Times::new(3).expect("three digits are allowed");
        Self { acked: 0, refused: 0, unanswered: 0, times }
    }
}

/// How much is sent.
#[derive(Clone, Copy)]
pub(crate) struct Flood {
    pub(crate) voice: Voice,
    pub(crate) senders: usize,
    /// Unanswered messages of each sender.
    pub(crate) in_flight: usize,
    /// Messages a second of all senders; `None` sends whenever one was answered.
    pub(crate) rate: Option<f64>,
    pub(crate) duration: Duration,
}

/// What is unanswered at the end is waited for so long, since it is the slowest.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Floods the URLs.
///
/// # Errors
///
/// A sender cannot connect, or loses its connection.
pub(crate) async fn flood(urls: &[String], flood: Flood) -> anyhow::Result<Flooded> {
    let mut engines = Vec::new();
    for number in 0..flood.senders {
        let target: Target = urls[number % urls.len()].parse().map_err(anyhow::Error::msg)?;
        let hello = match flood.voice {
            Voice::Tutorial => "40{}",
            Voice::Native => "40/chat,{}",
        };
        engines.push(connect(&target, hello).await?);
    }
    RUNS.fetch_add(1, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    let end = Instant::now() + flood.duration;
    for (number, engine) in engines.into_iter().enumerate() {
        let name = format!("{}-{number}", RUNS.load(Ordering::Relaxed));
        let sender =
            Sender { name, flood, sent: 0, waits: HashMap::new(), begin: Instant::now(), most: u64::MAX };
        tasks.spawn(sender.run(engine, end));
    }
    let mut all = Flooded::default();
    while let Some(one) = tasks.join_next().await {
        let one = one?.context("a sender")?;
        all.acked += one.acked;
        all.refused += one.refused;
        all.unanswered += one.unanswered;
        all.times += one.times;
    }
    Ok(all)
}

/// Says so many messages in `lobby`, and returns when all of them are stored.
///
/// # Errors
///
/// A sender cannot connect, or loses its connection.
pub(crate) async fn say(url: &str, count: u64) -> anyhow::Result<()> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let flood = Flood { voice: Voice::Native, senders: 8, in_flight: 64, rate: None, duration: FOR_EVER };
    RUNS.fetch_add(1, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let engine = connect(&target, "40/chat,{}").await?;
        let most = count / 8 + u64::from(number < count % 8);
        let name = format!("{}-{number}", RUNS.load(Ordering::Relaxed));
        let sender = Sender { name, flood, sent: 0, waits: HashMap::new(), begin: Instant::now(), most };
        tasks.spawn(sender.run(engine, Instant::now() + FOR_EVER));
    }
    let mut stored = 0;
    while let Some(one) = tasks.join_next().await {
        stored += one?.context("a sender")?.acked;
    }
    anyhow::ensure!(stored == count, "{stored} of {count} messages were stored");
    Ok(())
}

const FOR_EVER: Duration = Duration::from_secs(3_600);

struct Sender {
    /// What its nonces begin with.
    name: String,
    flood: Flood,
    sent: u64,
    /// When each unanswered message was due, by its ack.
    waits: HashMap<u64, Instant>,
    begin: Instant,
    /// So many messages and no more.
    most: u64,
}

impl Sender {
    async fn run(mut self, mut engine: Engine, end: Instant) -> anyhow::Result<Flooded> {
        let mut done = Flooded::default();
        let mut packets = Vec::new();
        // Made once: several million packets go by.
        let (mut over, mut last) = (pin!(sleep_until(end)), pin!(sleep_until(end + LAST_ANSWERS)));
        let mut due = pin!(sleep_until(self.due_at().unwrap_or(end)));
        loop {
            let is_over = over.is_elapsed();
            while !is_over && self.is_due() {
                packets.push(self.post());
                due.as_mut().reset(self.due_at().unwrap_or(end));
            }
            engine.send(&mut packets).await?;
            if self.waits.is_empty() && (self.sent == self.most || is_over) {
                return Ok(done);
            }
            tokio::select! {
                packet = engine.next() => {
                    let packet = packet?;
                    if packet.as_str() == "2" {
                        packets.push("3".to_owned());
                    } else if let Some(due) = answered(&packet).and_then(|ack| self.waits.remove(&ack)) {
                        if packet.contains("error") {
                            done.refused += 1;
                            continue;
                        }
                        done.acked += u64::from(!is_over);
                        done.times.record(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX))?;
                    }
                }
                () = &mut due, if !due.is_elapsed() && !is_over => {}
                () = &mut over, if !is_over => {}
                () = &mut last => {
                    done.unanswered = self.waits.len() as u64;
                    return Ok(done);
                }
            }
        }
    }

    /// When the next message is due, with a rate.
    fn due_at(&self) -> Option<Instant> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let seconds = |rate: f64| (self.sent as f64 + 1.0) * self.flood.senders as f64 / rate;
        self.flood.rate.map(|rate| self.begin + Duration::from_secs_f64(seconds(rate)))
    }

    fn is_due(&self) -> bool {
        self.sent < self.most
            && self.waits.len() < self.flood.in_flight
            && self.due_at().is_none_or(|due| due <= Instant::now())
    }

    fn post(&mut self) -> String {
        let (ack, name) = (self.sent, self.name.clone());
        self.waits.insert(ack, self.due_at().unwrap_or_else(Instant::now));
        self.sent += 1;
        let text = "a line of the usual length, as people write them, or nearly so..";
        match self.flood.voice {
            Voice::Tutorial => format!(r#"42{ack}["chat message","{text}","{name}-{ack}"]"#),
            Voice::Native => {
                format!(r#"42/chat,{ack}["post",{{"room":"lobby","nonce":"{name}-{ack}","text":"{text}"}}]"#)
            }
        }
    }
}

/// The number of the ack that a packet is.
fn answered(packet: &str) -> Option<u64> {
    let rest = packet.strip_prefix("43")?;
    rest.strip_prefix("/chat,").unwrap_or(rest).split_once('[')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_its_message_in_both_namespaces() {
        for (packet, ack) in [
            ("4317[]", Some(17)),
            (r#"43/chat,4[{"ok":{"seq":1,"at":2}}]"#, Some(4)),
            (r#"42["chat message","hello",1]"#, None),
            ("2", None),
        ] {
            assert_eq!(answered(packet), ack, "{packet}");
        }
    }
}
