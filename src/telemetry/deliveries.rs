//! Every emit: how many there were, how late they came, and the last span of a sampled message.
//!
//! It is told of each emit, so it adds to plain numbers, and reads the clock once a call. The numbers
//! are read when someone asks.

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
    telemetry::{metrics as told, trace},
};

/// Upper bounds of the buckets, in milliseconds: from a message that met nobody to one that met an outage.
const BUCKETS_MS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Sampled messages under way at one time; of further ones the last span is not recorded.
const OPEN_MAX: usize = 1_024;
/// How long a sampled message waits for members that are behind, or have left meanwhile.
const OPEN_TIME: Duration = Duration::from_secs(5);

const PATHS: [&str; 3] = ["live", "tail", "log"];
const HOPS: [&str; 2] = ["local", "remote"];

/// What this node has emitted.
pub struct Deliveries {
    node: NodeId,
    clock: Arc<dyn Clock>,
    /// By path and hop.
    counts: [[AtomicU64; 2]; 3],
    /// By hop.
    delays: [Delays; 2],
    open: Mutex<HashMap<TraceContext, Open>>,
}

/// A sampled message that is being emitted.
struct Open {
    remote: bool,
    began: Instant,
    last: Option<Instant>,
    members: usize,
    emitted: usize,
}

impl Deliveries {
    /// Those of `node`, timed by `clock`.
    #[must_use]
    pub fn new(node: NodeId, clock: Arc<dyn Clock>) -> Self {
        let (counts, delays, open) = Default::default();
        Self { node, clock, counts, delays, open }
    }

    /// Whose they are.
    pub(super) fn node(&self) -> &NodeId {
        &self.node
    }

    /// 0 if this node took the message, 1 if another did.
    fn hop(&self, message: &Message) -> usize {
        usize::from(message.draft.node != self.node)
    }

    /// Copies the counts, and returns the histogram in Prometheus' text form: a recorder that is told of
    /// each value would cost more than the emit's own share.
    pub(super) fn read(&self, name: &str, meaning: &str) -> String {
        for (path, by_hop) in PATHS.iter().zip(&self.counts) {
            for (hop, count) in HOPS.iter().zip(by_hop) {
                let count = count.load(Ordering::Relaxed);
                counter!("chorus_deliveries_total", "path" => *path, "hop" => *hop).absolute(count);
            }
        }
        let mut text = format!("# HELP {name} {meaning}\n# TYPE {name} histogram\n");
        for (hop, delays) in HOPS.iter().zip(&self.delays) {
            delays.write(name, hop, &mut text);
        }
        text
    }

    /// Ends the spans of messages that some members will not get, or not soon.
    pub fn settle(&self) {
        self.open().retain(|trace, open| {
            let waits = open.began.elapsed() < OPEN_TIME;
            if !waits {
                open.end(*trace);
            }
            waits
        });
    }

    fn emitted_sampled(&self, trace: TraceContext) {
        let mut all = self.open();
        let Some(open) = all.get_mut(&trace) else { return };
        open.emitted += 1;
        open.last = Some(Instant::now());
        if open.members <= open.emitted {
            open.end(trace);
            all.remove(&trace);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<TraceContext, Open>> {
        lock(&self.open)
    }
}

impl DeliveryObserver for Deliveries {
    fn hint_received(&self, messages: &[Arc<Message>]) {
        let newest = messages.last().map_or(0, |message| message.draft.at.0);
        let lag = Duration::from_millis(self.clock.now().0.saturating_sub(newest));
        told::bus_lag_seconds(lag.as_secs_f64());
    }

    fn released(&self, message: &Message, members: usize) {
        let Some(trace) = message.draft.trace else { return };
        let mut all = self.open();
        if all.len() < OPEN_MAX {
            let (remote, began) = (self.hop(message) == 1, Instant::now());
            all.insert(trace, Open { remote, began, last: None, members, emitted: 0 });
        }
    }

    fn emitted(&self, messages: &[Arc<Message>], path: DeliveryPath, joined: Seq) {
        let now = self.clock.now().0;
        for message in messages {
            let hop = self.hop(message);
            self.counts[path as usize][hop].fetch_add(1, Ordering::Relaxed);
            // What was said before the session joined is history, however old.
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

impl Open {
    /// One that was emitted to nobody in time has no last emit, and no span.
    fn end(&self, trace: TraceContext) {
        if let Some(last) = self.last {
            let numbers = [("chorus.members", self.members as u64), ("chorus.emits", self.emitted as u64)];
            trace::delivered(trace, self.remote, (self.began, last), &numbers);
        }
    }
}

/// Times in buckets.
#[derive(Default)]
struct Delays {
    /// The last one is for what is beyond all bounds.
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

    /// The histogram's lines that are not zero, without its name.
    fn lines(deliveries: &Deliveries) -> Vec<String> {
        let text = deliveries.read("x", "what");
        let told = text.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0"));
        told.map(|line| line.trim_start_matches("x_").to_owned()).collect()
    }

    #[test]
    fn a_delay_counts_once_by_its_hop_and_history_does_not() {
        let deliveries = Deliveries::new("n1".parse().unwrap(), Arc::new(FixedClock));
        // The clock stands at 1 ms: what another node says it took later came at once.
        let messages = [message(5, "n1", 1), message(6, "n1", 0), message(7, "n2", 60_000)];
        deliveries.emitted(&messages, DeliveryPath::Live, Seq(5));
        let told = lines(&deliveries);
        assert!(told.contains(&"bucket{hop=\"local\",le=\"0.001\"} 1".to_owned()), "{told:?}");
        for line in ["count{hop=\"local\"} 1", "sum{hop=\"local\"} 0.001", "count{hop=\"remote\"} 1"] {
            assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
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
