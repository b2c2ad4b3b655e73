//! What all clients of a run write down together: behind one lock, which is held for a packet at a time.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    identity::{Heard, Identity, Said},
    judge::{Judge, Member, Shown},
    latency::{Latency, NodeIndex, UNKNOWN},
};

/// Different texts that are counted; further ones are one.
const TEXTS_MAX: usize = 50;

/// How often something was said.
pub type Tally = BTreeMap<String, u64>;

/// The record of a run.
pub struct Record {
    /// Decides what was right.
    pub judge: Judge,
    /// How long it took.
    pub latency: Latency,
    /// Refusals by their code, those that pass as well.
    pub refusals: Tally,
    /// Why connections could not be made.
    pub failed_connects: Tally,
    /// Why connections ended.
    pub disconnects: Tally,
    /// Notices by their code.
    pub notices: Tally,
    /// Recoveries of which the server said that they were not complete.
    pub incomplete_recoveries: u64,
    /// By client: how often it lost its connection and came back.
    pub reconnects: Vec<u32>,
    /// Clients that are connected now.
    pub connected: u64,
    /// By sender and number: the node that took the message.
    origins: Vec<Vec<NodeIndex>>,
    /// By place among the URLs: the node there, as far as a client on `/chat` was told.
    nodes_by_url: Vec<NodeIndex>,
}

/// A message that came to a client.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place.
    pub seq: u64,
    /// What it is.
    pub heard: Heard,
    /// The node that stored it, if the message says so.
    pub origin: Option<NodeIndex>,
}

impl Record {
    /// The record of a run with these clients.
    #[must_use]
    pub fn new(rooms: &[String], members: &[Member], urls: usize, duration: Duration) -> Self {
        Self {
            judge: Judge::new(rooms, members),
            latency: Latency::new(duration),
            refusals: Tally::new(),
            failed_connects: Tally::new(),
            disconnects: Tally::new(),
            notices: Tally::new(),
            incomplete_recoveries: 0,
            reconnects: vec![0; members.len()],
            connected: 0,
            origins: members.iter().map(|_| Vec::new()).collect(),
            nodes_by_url: vec![UNKNOWN; urls],
        }
    }

    /// A message is due.
    pub fn offer(&mut self, sender: usize, due_us: u64) -> Said {
        let sender = u32::try_from(sender).expect("clients are counted in 32 bits");
        self.latency.offered(due_us);
        self.origins[sender as usize].push(UNKNOWN);
        Said { id: self.judge.offer(sender), due_us }
    }

    /// A message is sent to this node.
    pub fn sent(&mut self, id: Identity, node: NodeIndex) {
        self.origins[id.sender as usize][id.number as usize] = node;
    }

    /// A message was acked.
    pub fn acked(&mut self, said: Said, seq: Option<u64>, now_us: u64) {
        self.latency.acked(said.due_us, now_us);
        self.judge.ack(said.id, seq);
    }

    /// A client shows what came to it, on this node.
    pub fn show(&mut self, client: usize, delivery: &Delivery, on: NodeIndex, now_us: u64) {
        let Heard::Ours(said) = delivery.heard else {
            let broken = delivery.heard == Heard::Broken;
            self.judge.show(client, delivery.seq, if broken { Shown::Broken } else { Shown::Foreign });
            return;
        };
        if self.judge.show(client, delivery.seq, Shown::Ours(said.id)) {
            let origin = &mut self.origins[said.id.sender as usize][said.id.number as usize];
            // The message knows best; a retry may have found it stored by another node.
            *origin = delivery.origin.unwrap_or(*origin);
            self.latency.shown(said.due_us, now_us, *origin, on);
        }
    }

    /// A client on `/chat` was told which node is at a URL.
    pub fn learn_node(&mut self, url: usize, name: &str) -> NodeIndex {
        let node = self.latency.node(name);
        self.nodes_by_url[url] = node;
        node
    }

    /// The node at a URL, as far as it is known: behind a single URL there may be many.
    #[must_use]
    pub fn node_at(&self, url: usize) -> NodeIndex {
        match self.nodes_by_url.as_slice() {
            [_] => UNKNOWN,
            nodes => nodes[url],
        }
    }
}

/// Counts one more.
pub fn count(tally: &mut Tally, what: String) {
    let room = tally.len() < TEXTS_MAX;
    match tally.get_mut(&what) {
        Some(times) => *times += 1,
        None if room => drop(tally.insert(what, 1)),
        None => *tally.entry("others".to_owned()).or_default() += 1,
    }
}

/// An error and its causes in one line; what a text says already is not said again.
#[must_use]
pub fn reason(error: &anyhow::Error) -> String {
    let causes = error.chain().map(ToString::to_string);
    causes
        .reduce(|said, cause| if said.contains(&cause) { said } else { format!("{said}: {cause}") })
        .unwrap_or_default()
}
