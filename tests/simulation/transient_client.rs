//! Clients that leave for good before the end: presence must report that they left.

use std::sync::Arc;

use chorus::chat::model::{Author, Epoch, RoomName, Seq};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    connection::Packet,
    node::Cluster,
    rng::SeededRng,
    server::{ConnectRequest, Protocol},
};

/// A client that joins one room for a while and posts nothing.
pub(crate) struct TransientClient {
    pub(crate) number: usize,
    pub(crate) room: RoomName,
    pub(crate) joins_at: Instant,
    pub(crate) leaves_at: Instant,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) rng: SeededRng,
}

impl TransientClient {
    /// Connects once, and stays until it leaves or its connection is lost.
    pub(crate) async fn run(mut self) {
        sleep_until(self.joins_at).await;
        let id = format!("v{}", self.number).parse().expect("an id");
        let author = Author { id, name: "transient".parse().expect("a name"), color: None };
        let rooms = vec![(self.room.clone(), Epoch::from_random(1), Seq::ZERO)];
        let request = ConnectRequest { protocol: Protocol::Native, author, rooms };
        let node = self.rng.below(self.cluster.count());
        let Some(end) = self.cluster.connect(node, self.number, request, self.rng.fork()) else { return };
        let reads = async {
            while let Some(packets) = end.connection.receive().await {
                let pages = packets.iter().filter(|packet| matches!(packet, Packet::Page(..)));
                pages.for_each(|_| end.connection.ack_page());
            }
        };
        let _ = timeout_at(self.leaves_at, reads).await;
        end.connection.close();
    }
}
