//! A few senders with many messages in flight each, to measure how much a log stores.

use std::{
    collections::HashMap,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use chorus_load::{dialect::Dialect, engine::Engine, latency::Times, target::Target};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::load::connections::connect;

/// Runs so far; makes the nonces of different runs distinct.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// What became of the senders' messages.
pub(crate) struct Outcomes {
    /// Messages acked within the duration.
    pub(crate) acked: u64,
    pub(crate) refused: u64,
    /// Messages without an answer [`LAST_ANSWERS`] after the end.
    pub(crate) unanswered: u64,
    /// From due to acked, in microseconds; without a rate, a message is due when it is sent.
    pub(crate) ack_times: Times,
}

impl Default for Outcomes {
    fn default() -> Self {
        let ack_times = Times::new(3).expect("three digits are allowed");
        Self { acked: 0, refused: 0, unanswered: 0, ack_times }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct SenderLoad {
    /// On `/`, senders receive all messages; on `/chat`, they have not joined the room.
    pub(crate) dialect: Dialect,
    pub(crate) senders: usize,
    /// Unanswered messages per sender.
    pub(crate) in_flight: usize,
    /// Messages per second of all senders; `None` sends as responses come.
    pub(crate) rate: Option<f64>,
    pub(crate) duration: Duration,
}

/// How long to wait for responses after the end; the slowest ones must not be left out.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// The time that [`store_messages`] may take.
const STORE_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Sends for the load's duration to `lobby`, spread over the URLs.
///
/// # Errors
///
/// A sender cannot connect, or loses its connection.
pub(crate) async fn run_senders(urls: &[String], load: SenderLoad) -> anyhow::Result<Outcomes> {
    let mut engines = Vec::new();
    for number in 0..load.senders {
        let target: Target = urls[number % urls.len()].parse().map_err(anyhow::Error::msg)?;
        let packet = match load.dialect {
            Dialect::Tutorial => "40{}",
            Dialect::Native => "40/chat,{}",
        };
        engines.push(connect(&target, packet).await?);
    }
    RUNS.fetch_add(1, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    let end = Instant::now() + load.duration;
    for (number, engine) in engines.into_iter().enumerate() {
        let name = format!("{}-{number}", RUNS.load(Ordering::Relaxed));
        let sender =
            Sender { name, load, sent: 0, due: HashMap::new(), begin: Instant::now(), count_max: u64::MAX };
        tasks.spawn(sender.run(engine, end));
    }
    let mut all = Outcomes::default();
    while let Some(one) = tasks.join_next().await {
        let one = one?.context("a sender")?;
        all.acked += one.acked;
        all.refused += one.refused;
        all.unanswered += one.unanswered;
        all.ack_times += one.ack_times;
    }
    Ok(all)
}

/// Stores `count` messages in `lobby`.
///
/// # Errors
///
/// A sender cannot connect, loses its connection, or is refused.
pub(crate) async fn store_messages(url: &str, count: u64) -> anyhow::Result<()> {
    let target: Target = url.parse().map_err(anyhow::Error::msg)?;
    let load = SenderLoad {
        dialect: Dialect::Native,
        senders: 8,
        in_flight: 64,
        rate: None,
        duration: STORE_TIMEOUT,
    };
    RUNS.fetch_add(1, Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let engine = connect(&target, "40/chat,{}").await?;
        let count_max = count / 8 + u64::from(number < count % 8);
        let name = format!("{}-{number}", RUNS.load(Ordering::Relaxed));
        let sender = Sender { name, load, sent: 0, due: HashMap::new(), begin: Instant::now(), count_max };
        tasks.spawn(sender.run(engine, Instant::now() + STORE_TIMEOUT));
    }
    let mut stored = 0;
    while let Some(one) = tasks.join_next().await {
        stored += one?.context("a sender")?.acked;
    }
    anyhow::ensure!(stored == count, "{stored} of {count} messages were stored");
    Ok(())
}

struct Sender {
    /// Prefix of the nonces.
    name: String,
    load: SenderLoad,
    sent: u64,
    /// When each unanswered message was due, by ack id.
    due: HashMap<u64, Instant>,
    begin: Instant,
    count_max: u64,
}

impl Sender {
    async fn run(mut self, mut engine: Engine, end: Instant) -> anyhow::Result<Outcomes> {
        let mut outcomes = Outcomes::default();
        let mut packets = Vec::new();
        // Reused, because the loop handles millions of packets.
        let (mut over, mut last) = (pin!(sleep_until(end)), pin!(sleep_until(end + LAST_ANSWERS)));
        let mut due = pin!(sleep_until(self.due_at().unwrap_or(end)));
        loop {
            let is_over = over.is_elapsed();
            while !is_over && self.is_due() {
                packets.push(self.post());
                due.as_mut().reset(self.due_at().unwrap_or(end));
            }
            engine.send(&mut packets).await?;
            if self.due.is_empty() && (self.sent == self.count_max || is_over) {
                return Ok(outcomes);
            }
            tokio::select! {
                packet = engine.next() => {
                    let packet = packet?;
                    if packet.as_str() == "2" {
                        packets.push("3".to_owned());
                    } else if let Some(due) = ack_id(&packet).and_then(|ack| self.due.remove(&ack)) {
                        if packet.contains("error") {
                            outcomes.refused += 1;
                            continue;
                        }
                        outcomes.acked += u64::from(!is_over);
                        let ack_us = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                        outcomes.ack_times.record(ack_us)?;
                    }
                }
                () = &mut due, if !due.is_elapsed() && !is_over => {}
                () = &mut over, if !is_over => {}
                () = &mut last => {
                    outcomes.unanswered = self.due.len() as u64;
                    return Ok(outcomes);
                }
            }
        }
    }

    /// When the next message is due; `None` without a rate.
    fn due_at(&self) -> Option<Instant> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let seconds = |rate: f64| (self.sent as f64 + 1.0) * self.load.senders as f64 / rate;
        self.load.rate.map(|rate| self.begin + Duration::from_secs_f64(seconds(rate)))
    }

    fn is_due(&self) -> bool {
        self.sent < self.count_max
            && self.due.len() < self.load.in_flight
            && self.due_at().is_none_or(|due| due <= Instant::now())
    }

    fn post(&mut self) -> String {
        let (ack, name) = (self.sent, self.name.clone());
        self.due.insert(ack, self.due_at().unwrap_or_else(Instant::now));
        self.sent += 1;
        let text = "a line of the usual length, as people write them, or nearly so..";
        match self.load.dialect {
            Dialect::Tutorial => format!(r#"42{ack}["chat message","{text}","{name}-{ack}"]"#),
            Dialect::Native => {
                format!(r#"42/chat,{ack}["post",{{"room":"lobby","nonce":"{name}-{ack}","text":"{text}"}}]"#)
            }
        }
    }
}

/// The ack id, if the packet is an ack.
fn ack_id(packet: &str) -> Option<u64> {
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
            assert_eq!(ack_id(packet), ack, "{packet}");
        }
    }
}
