//! Latencies of a run: overall, by the second in which messages were due, and by pair of nodes.

use std::time::Duration;

use hdrhistogram::Histogram;

/// An ack within this counts as in time.
const IN_TIME_US: u64 = 1_000_000;

/// Index into [`Latency::nodes`].
pub(crate) type NodeIndex = usize;

/// An unknown node: on `/` the server does not tell its name.
pub(crate) const UNKNOWN: NodeIndex = 0;

/// Distinguished nodes; further ones count as unknown. Bounds the matrix to the square of this.
const NODES_MAX: usize = 64;

/// A histogram of microseconds with three significant digits.
pub type Times = Histogram<u64>;

/// Results of the messages that were due in one second of the run.
pub(crate) struct Second {
    pub(crate) offered: u64,
    /// Messages acked within [`IN_TIME_US`].
    pub(crate) acked_in_time: u64,
    /// From due to acked.
    pub(crate) ack: Histogram<u32>,
    /// From due to shown, by [`Route`].
    pub(crate) delivery: [Histogram<u32>; 3],
}

impl Default for Second {
    fn default() -> Self {
        // Two digits, so that the seconds of an hour fit in memory.
        let times = || Histogram::new(2).expect("two digits are allowed");
        Self { offered: 0, acked_in_time: 0, ack: times(), delivery: [times(), times(), times()] }
    }
}

/// Whether a delivery crossed nodes.
#[derive(Clone, Copy)]
enum Route {
    SameNode,
    CrossNode,
    /// One of the nodes is unknown.
    Unknown,
}

/// All latencies of a run.
pub(crate) struct Latency {
    /// From due to acked.
    pub(crate) ack: Times,
    /// From due to shown, by [`Route`].
    pub(crate) delivery: [Times; 3],
    pub(crate) seconds: Vec<Second>,
    /// Node names; `?` at [`UNKNOWN`].
    pub(crate) nodes: Vec<String>,
    /// Deliveries by storing node, then by delivering node.
    pub(crate) matrix: Vec<Vec<u64>>,
    /// From losing a connection to having caught up with the room.
    pub(crate) recovery: Times,
}

impl Latency {
    /// Latencies of a run of this length; messages due later count in its last second.
    pub(crate) fn new(duration: Duration) -> Self {
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

    /// Looks a node up by name and adds it if it is new.
    pub(crate) fn node(&mut self, name: &str) -> NodeIndex {
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

    pub(crate) fn offered(&mut self, due_us: u64) {
        self.second(due_us).offered += 1;
    }

    pub(crate) fn acked(&mut self, due_us: u64, now_us: u64) {
        let time = now_us.saturating_sub(due_us);
        record(&mut self.ack, time);
        let second = self.second(due_us);
        record(&mut second.ack, time);
        second.acked_in_time += u64::from(time <= IN_TIME_US);
    }

    /// Records a client's first showing of a message that `from` stored and `to` delivered.
    pub(crate) fn shown(&mut self, due_us: u64, now_us: u64, from: NodeIndex, to: NodeIndex) {
        let route = match (from, to) {
            (UNKNOWN, _) | (_, UNKNOWN) => Route::Unknown,
            (from, to) if from == to => Route::SameNode,
            _ => Route::CrossNode,
        };
        let time = now_us.saturating_sub(due_us);
        self.matrix[from][to] += 1;
        record(&mut self.delivery[route as usize], time);
        record(&mut self.second(due_us).delivery[route as usize], time);
    }

    pub(crate) fn recovered(&mut self, outage: Duration) {
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

/// Merges the routes' histograms.
pub(crate) fn merged<C: hdrhistogram::Counter>(routes: &[Histogram<C>; 3]) -> Histogram<C> {
    let mut all = routes[0].clone();
    for route in &routes[1..] {
        all += route;
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
        assert_eq!(latency.seconds[2].offered, 2, "a message due at the very end is in the last second");
    }

    #[test]
    fn a_delivery_is_within_a_node_or_across_or_nobody_knows() {
        let mut latency = Latency::new(Duration::from_secs(1));
        let (a, b) = (latency.node("a"), latency.node("b"));
        assert_eq!((latency.node("a"), latency.node("?")), (a, UNKNOWN));
        for (from, to) in [(a, a), (a, b), (b, a), (UNKNOWN, b), (a, UNKNOWN)] {
            latency.shown(0, 10, from, to);
        }
        let counts = [Route::SameNode, Route::CrossNode, Route::Unknown]
            .map(|route| latency.delivery[route as usize].len());
        assert_eq!(counts, [1, 2, 2]);
        assert_eq!(merged(&latency.delivery).len(), 5);
        assert_eq!(latency.delivery[Route::CrossNode as usize].max(), 10);
        assert_eq!((latency.matrix[a][b], latency.matrix[b][b]), (1, 0));
    }
}
