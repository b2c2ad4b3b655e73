//! The shared record of a run, which all clients write to under one lock.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    identity::{Identity, ParsedText, StampedMessage},
    judge::{Judge, Member, Shown},
    latency::{Latency, NodeIndex, UNKNOWN},
};

/// Keys of a tally; further ones are counted together.
const KEYS_MAX: usize = 50;

/// Counts by text, such as an error code.
pub(crate) type Tally = BTreeMap<String, u64>;

pub(crate) struct Record {
    pub(crate) judge: Judge,
    pub(crate) latency: Latency,
    /// Refusals by code, retryable ones included.
    pub(crate) refusals: Tally,
    /// Failed connects by reason.
    pub(crate) failed_connects: Tally,
    /// Ended connections by reason.
    pub(crate) disconnects: Tally,
    /// Notices by code.
    pub(crate) notices: Tally,
    /// Recoveries that the server reported as incomplete.
    pub(crate) incomplete_recoveries: u64,
    /// By client.
    pub(crate) reconnects: Vec<u32>,
    /// Clients connected now.
    pub(crate) connected: u64,
    /// By sender and number: the node that stored the message.
    origins: Vec<Vec<NodeIndex>>,
    /// By URL: the node there, once a client on `/chat` has learned it.
    nodes_by_url: Vec<NodeIndex>,
}

/// A message that arrived at a client.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) seq: u64,
    pub(crate) text: ParsedText,
    /// The node that stored it, if the message names one.
    pub(crate) origin: Option<NodeIndex>,
}

impl Record {
    pub(crate) fn new(rooms: &[String], members: &[Member], urls: usize, duration: Duration) -> Self {
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

    /// Registers a message that became due.
    pub(crate) fn offer(&mut self, sender: usize, due_us: u64) -> StampedMessage {
        let sender = u32::try_from(sender).expect("client numbers fit in 32 bits");
        self.latency.offered(due_us);
        self.origins[sender as usize].push(UNKNOWN);
        StampedMessage { id: self.judge.offer(sender), due_us }
    }

    pub(crate) fn sent(&mut self, id: Identity, node: NodeIndex) {
        self.origins[id.sender as usize][id.number as usize] = node;
    }

    pub(crate) fn acked(&mut self, message: StampedMessage, seq: Option<u64>, now_us: u64) {
        self.latency.acked(message.due_us, now_us);
        self.judge.ack(message.id, seq);
    }

    /// Registers that a client connected to node `on` showed a message.
    pub(crate) fn show(&mut self, client: usize, delivery: &Delivery, on: NodeIndex, now_us: u64) {
        let ParsedText::Ours(message) = delivery.text else {
            let broken = delivery.text == ParsedText::Broken;
            self.judge.show(client, delivery.seq, if broken { Shown::Broken } else { Shown::Foreign });
            return;
        };
        if self.judge.show(client, delivery.seq, Shown::Ours(message.id)) {
            let origin = &mut self.origins[message.id.sender as usize][message.id.number as usize];
            // Prefer the message's own field: a retry may reach a node other than the one that stored it.
            *origin = delivery.origin.unwrap_or(*origin);
            self.latency.shown(message.due_us, now_us, *origin, on);
        }
    }

    /// Registers which node is at a URL, as a client on `/chat` learned.
    pub(crate) fn learn_node(&mut self, url: usize, name: &str) -> NodeIndex {
        let node = self.latency.node(name);
        self.nodes_by_url[url] = node;
        node
    }

    /// The node at a URL; unknown for a single URL, which may be a balancer.
    pub(crate) fn node_at(&self, url: usize) -> NodeIndex {
        match self.nodes_by_url.as_slice() {
            [_] => UNKNOWN,
            nodes => nodes[url],
        }
    }
}

pub(crate) fn count(tally: &mut Tally, key: String) {
    let has_room = tally.len() < KEYS_MAX;
    match tally.get_mut(&key) {
        Some(times) => *times += 1,
        None if has_room => drop(tally.insert(key, 1)),
        None => *tally.entry("others".to_owned()).or_default() += 1,
    }
}

/// An error and its causes in one line; a cause whose text is already contained is left out.
pub(crate) fn reason(error: &anyhow::Error) -> String {
    let causes = error.chain().map(ToString::to_string);
    causes
        .reduce(|line, cause| if line.contains(&cause) { line } else { format!("{line}: {cause}") })
        .unwrap_or_default()
}
