//! How long it took: over the whole run, by the second in which messages were due, and from node to node.

use std::time::Duration;

use hdrhistogram::Histogram;

/// An ack or a delivery within this counts as in time.
pub const IN_TIME_US: u64 = 1_000_000;

/// A node by its place in [`Latency::nodes`]; 0 is one that is not known.
pub type NodeIndex = usize;

/// The node that is not known: on `/` nobody says it.
pub const UNKNOWN: NodeIndex = 0;

/// Nodes that are told apart; more are not known. Their matrix is the square of this.
const NODES_MAX: usize = 64;

/// Times in microseconds, as a distribution; three digits are exact.
pub type Times = Histogram<u64>;

/// What became of the messages that were due in one second of the run.
pub struct Second {
    /// Messages that were due.
    pub offered: u64,
    /// Of those, acked within a second.
    pub acked_in_time: u64,
    /// From due to acked.
    pub ack: Histogram<u32>,
    /// From due to shown, by [`Way`].
    pub delivery: [Histogram<u32>; 3],
}

impl Default for Second {
    fn default() -> Self {
        // Two digits, so that an hour's seconds fit in memory; they grow with what they hold.
        let times = || Histogram::new(2).expect("two digits are allowed");
        Self { offered: 0, acked_in_time: 0, ack: times(), delivery: [times(), times(), times()] }
    }
}

/// From which node to which a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sender and receiver are on one node.
    SameNode,
    /// They are on two.
    CrossNode,
    /// One of the nodes is not known.
    Unknown,
}

/// All times of a run.
pub struct Latency {
    /// From due to acked.
    pub ack: Times,
    /// From due to shown, by [`Way`].
    pub delivery: [Times; 3],
    /// By the second in which the messages were due.
    pub seconds: Vec<Second>,
    /// The nodes' names.
    pub nodes: Vec<String>,
    /// Deliveries from the first to the second.
    pub matrix: Vec<Vec<u64>>,
    /// From losing a connection to being as far as the room is.
    pub recovery: Times,
}

impl Latency {
    /// Of a run of this length; what is due later counts in its last second.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        let times = || Times::new(3).expect("three digits are allowed");
        let seconds = usize::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(usize::MAX).max(1);
        Self {
            ack: times(),
            delivery: [times(), times(), times()],
            seconds: std::iter::repeat_with(Second::default).take(seconds).collect(),
            nodes: vec!["?".to_owned()],
            matrix: vec![vec![0]],
            recovery: times(),
        }
    }

    /// The node of this name.
    pub fn node(&mut self, name: &str) -> NodeIndex {
        if let Some(known) = self.nodes.iter().position(|node| node == name) {
            return known;
        }
        if NODES_MAX <= self.nodes.len() {
            return UNKNOWN;
        }
        self.nodes.push(name.to_owned());
        self.matrix.iter_mut().for_each(|row| row.push(0));
        self.matrix.push(vec![0; self.nodes.len()]);
        self.nodes.len() - 1
    }

    /// A message was due.
    pub fn offered(&mut self, due_us: u64) {
        self.second(due_us).offered += 1;
    }

    /// It was acked.
    pub fn acked(&mut self, due_us: u64, now_us: u64) {
        let time = now_us.saturating_sub(due_us);
        record(&mut self.ack, time);
        let second = self.second(due_us);
        record(&mut second.ack, time);
        second.acked_in_time += u64::from(time <= IN_TIME_US);
    }

    /// A client showed it, for the first time.
    pub fn shown(&mut self, due_us: u64, now_us: u64, from: NodeIndex, to: NodeIndex) {
        let way = match (from, to) {
            (UNKNOWN, _) | (_, UNKNOWN) => Way::Unknown,
            (from, to) if from == to => Way::SameNode,
            _ => Way::CrossNode,
        };
        let time = now_us.saturating_sub(due_us);
        self.matrix[from][to] += 1;
        record(&mut self.delivery[way as usize], time);
        record(&mut self.second(due_us).delivery[way as usize], time);
    }

    /// A client that had lost its connection is as far as the room again.
    pub fn recovered(&mut self, outage: Duration) {
        record(&mut self.recovery, u64::try_from(outage.as_micros()).unwrap_or(u64::MAX));
    }

    fn second(&mut self, due_us: u64) -> &mut Second {
        let last = self.seconds.len() - 1;
        let second = usize::try_from(due_us / 1_000_000).map_or(last, |second| second.min(last));
        &mut self.seconds[second]
    }
}

fn record<C: hdrhistogram::Counter>(times: &mut Histogram<C>, us: u64) {
    times.record(us).expect("a histogram without bounds grows with what it holds");
}

/// All of a message's deliveries as one distribution.
#[must_use]
pub fn together<C: hdrhistogram::Counter>(ways: &[Histogram<C>; 3]) -> Histogram<C> {
    let mut all = ways[0].clone();
    for way in &ways[1..] {
        all += way;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_where_their_messages_were_due() {
        let mut latency = Latency::new(Duration::from_secs(3));
        latency.offered(2_100_000);
        latency.acked(2_100_000, 3_100_000);
        latency.acked(2_900_000, 3_950_000);
        let second = &latency.seconds[2];
        assert_eq!((second.offered, second.acked_in_time, second.ack.len()), (1, 1, 2));
        latency.offered(3_000_000);
        assert_eq!(latency.seconds[2].offered, 2, "what is due at the very end is in the last second");
    }

    #[test]
    fn a_delivery_is_within_a_node_or_across_or_nobody_knows() {
        let mut latency = Latency::new(Duration::from_secs(1));
        let (a, b) = (latency.node("a"), latency.node("b"));
        assert_eq!((latency.node("a"), latency.node("?")), (a, UNKNOWN));
        for (from, to) in [(a, a), (a, b), (b, a), (UNKNOWN, b), (a, UNKNOWN)] {
            latency.shown(0, 10, from, to);
        }
        let counts =
            [Way::SameNode, Way::CrossNode, Way::Unknown].map(|way| latency.delivery[way as usize].len());
        assert_eq!(counts, [1, 2, 2]);
        assert_eq!(together(&latency.delivery).len(), 5);
        assert_eq!(latency.delivery[Way::CrossNode as usize].max(), 10);
        assert_eq!((latency.matrix[a][b], latency.matrix[b][b]), (1, 0));
    }
}
