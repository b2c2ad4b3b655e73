//! Observes deliveries: counts emits, measures their delay, and records the `deliver` span of sampled messages.
//!
//! It runs for every emit, so it only adds to atomics and reads the clock once per call. They are rendered when
//! `/metrics` is scraped.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use metrics::counter;

use crate::{
    chat::{
        model::{Message, NodeId, Seq, TraceContext},
        ports::{Clock, DeliveryObserver, DeliveryPath},
    },
    sync::lock,
    telemetry::{metrics::bus_lag_seconds, trace},
};

/// Upper bounds of the buckets: from an idle node to an outage.
const BUCKETS_MS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Sampled messages that are being delivered at one time; further ones get no `deliver` span.
const SAMPLED_MAX: usize = 1_024;
/// How long a sampled message waits for members that are behind or have left.
const SAMPLED_TIMEOUT: Duration = Duration::from_secs(5);

const PATHS: [&str; 3] = ["live", "tail", "log"];
const HOPS: [&str; 2] = ["local", "remote"];

/// The deliveries of one node.
pub struct Deliveries {
    node: NodeId,
    clock: Arc<dyn Clock>,
    /// By path and hop.
    counts: [[AtomicU64; 2]; 3],
    /// By hop.
    delays: [Delays; 2],
    sampled: Mutex<HashMap<TraceContext, SampledDelivery>>,
}

/// A sampled message that is being delivered.
struct SampledDelivery {
    remote: bool,
    released: Instant,
    last_emit: Option<Instant>,
    members: usize,
    emits: usize,
}

impl Deliveries {
    /// Deliveries of `node`, timed by `clock`.
    #[must_use]
    pub fn new(node: NodeId, clock: Arc<dyn Clock>) -> Self {
        Self {
            node,
            clock,
            counts: Default::default(),
            delays: Default::default(),
            sampled: Mutex::default(),
        }
    }

    pub(super) fn node(&self) -> &NodeId {
        &self.node
    }

    /// Index into [`HOPS`]: 0 if this node received the message, 1 if another did.
    fn hop(&self, message: &Message) -> usize {
        usize::from(message.draft.node != self.node)
    }

    /// Copies the counts to the recorder, and returns the delays as a histogram in Prometheus' text format. To record
    /// each delay would cost more than the emit itself.
    pub(super) fn render(&self, name: &str, description: &str) -> String {
        for (path, by_hop) in PATHS.iter().zip(&self.counts) {
            for (hop, count) in HOPS.iter().zip(by_hop) {
                let count = count.load(Ordering::Relaxed);
                counter!("chorus_deliveries_total", "path" => *path, "hop" => *hop).absolute(count);
            }
        }
        let mut text = format!("# HELP {name} {description}\n# TYPE {name} histogram\n");
        for (hop, delays) in HOPS.iter().zip(&self.delays) {
            delays.write(name, hop, &mut text);
        }
        text
    }

    /// Ends the spans of messages that some members do not get, or not soon.
    pub fn settle(&self) {
        self.sampled().retain(|trace, delivery| {
            let is_waiting = delivery.released.elapsed() < SAMPLED_TIMEOUT;
            if !is_waiting {
                delivery.end(*trace);
            }
            is_waiting
        });
    }

    fn emitted_sampled(&self, trace: TraceContext) {
        let mut sampled = self.sampled();
        let Some(delivery) = sampled.get_mut(&trace) else { return };
        delivery.emits += 1;
        delivery.last_emit = Some(Instant::now());
        if delivery.members <= delivery.emits {
            delivery.end(trace);
            sampled.remove(&trace);
        }
    }

    fn sampled(&self) -> MutexGuard<'_, HashMap<TraceContext, SampledDelivery>> {
        lock(&self.sampled)
    }
}

impl DeliveryObserver for Deliveries {
    fn hint_received(&self, messages: &[Arc<Message>]) {
        let newest = messages.last().map_or(0, |message| message.draft.at.0);
        let lag = Duration::from_millis(self.clock.now().0.saturating_sub(newest));
        bus_lag_seconds(lag.as_secs_f64());
    }

    fn released(&self, message: &Message, members: usize) {
        let Some(trace) = message.draft.trace else { return };
        let mut sampled = self.sampled();
        if sampled.len() < SAMPLED_MAX {
            let (remote, released) = (self.hop(message) == 1, Instant::now());
            let delivery = SampledDelivery { remote, released, last_emit: None, members, emits: 0 };
            sampled.insert(trace, delivery);
        }
    }

    fn emitted(&self, messages: &[Arc<Message>], path: DeliveryPath, joined: Seq) {
        let now = self.clock.now().0;
        for message in messages {
            let hop = self.hop(message);
            self.counts[path as usize][hop].fetch_add(1, Ordering::Relaxed);
            // Messages from before the session joined are history; their age is not a delay.
            if joined < message.seq {
                // Another node's clock may be ahead of this one's.
                self.delays[hop].add(now.saturating_sub(message.draft.at.0));
            }
            if let Some(trace) = message.draft.trace {
                self.emitted_sampled(trace);
            }
        }
    }
}

impl SampledDelivery {
    /// Records the span, unless the message was emitted to nobody.
    fn end(&self, trace: TraceContext) {
        if let Some(last_emit) = self.last_emit {
            let numbers = [("chorus.members", self.members as u64), ("chorus.emits", self.emits as u64)];
            trace::delivered(trace, self.remote, (self.released, last_emit), &numbers);
        }
    }
}

/// A histogram of delays.
#[derive(Default)]
struct Delays {
    /// The last one counts delays beyond all bounds.
    buckets: [AtomicU64; BUCKETS_MS.len() + 1],
    sum_ms: AtomicU64,
}

impl Delays {
    fn add(&self, ms: u64) {
        let bucket = BUCKETS_MS.iter().take_while(|bound| **bound < ms).count();
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn write(&self, name: &str, hop: &str, text: &mut String) {
        let bounds = BUCKETS_MS.iter().map(|ms| seconds(*ms)).chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            count += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{hop=\"{hop}\",le=\"{bound}\"}} {count}");
        }
        let sum = seconds(self.sum_ms.load(Ordering::Relaxed));
        let _ = writeln!(text, "{name}_sum{{hop=\"{hop}\"}} {sum}\n{name}_count{{hop=\"{hop}\"}} {count}");
    }
}

fn seconds(ms: u64) -> String {
    Duration::from_millis(ms).as_secs_f64().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::{FixedClock, draft};

    fn message(seq: u64, node: &str, at: u64) -> Arc<Message> {
        let mut draft = draft("lobby", "abc");
        draft.node = node.parse().unwrap();
        draft.at.0 = at;
        Arc::new(Message { seq: Seq(seq), draft })
    }

    /// The histogram's lines whose value is not zero, without its name.
    fn lines(deliveries: &Deliveries) -> Vec<String> {
        let text = deliveries.render("x", "what");
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0"));
        lines.map(|line| line.trim_start_matches("x_").to_owned()).collect()
    }

    #[test]
    fn a_delay_counts_once_by_its_hop_and_history_does_not() {
        let deliveries = Deliveries::new("n1".parse().unwrap(), Arc::new(FixedClock));
        // The clock stands at 1 ms. A message from another node's future has no delay.
        let messages = [message(5, "n1", 1), message(6, "n1", 0), message(7, "n2", 60_000)];
        deliveries.emitted(&messages, DeliveryPath::Live, Seq(5));
        let lines = lines(&deliveries);
        assert!(lines.contains(&"bucket{hop=\"local\",le=\"0.001\"} 1".to_owned()), "{lines:?}");
        for line in ["count{hop=\"local\"} 1", "sum{hop=\"local\"} 0.001", "count{hop=\"remote\"} 1"] {
            assert!(lines.contains(&line.to_owned()), "{line}: {lines:?}");
        }
        let counts =
            deliveries.counts.each_ref().map(|hops| hops.each_ref().map(|c| c.load(Ordering::Relaxed)));
        assert_eq!(counts, [[2, 1], [0, 0], [0, 0]]);
    }

    #[test]
    fn a_delay_is_in_every_bucket_that_reaches_as_far() {
        let delays = Delays::default();
        for ms in [0, 1, 2, 3, 10_000, 10_001] {
            delays.add(ms);
        }
        let mut text = String::new();
        delays.write("x", "local", &mut text);
        let counts: Vec<_> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let expected = ["2", "3", "4", "4", "4", "4", "4", "4", "4", "4", "4", "4", "5", "6", "20.007", "6"];
        assert_eq!(counts, expected);
    }
}
