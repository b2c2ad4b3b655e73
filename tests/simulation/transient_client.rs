//! Those who come for a while and leave for good: what is said of them has to end.

use std::sync::Arc;

use chorus::chat::model::{Author, Epoch, RoomName, Seq};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    connection::Packet,
    dice::Dice,
    node::Cluster,
    server::{Dialect, Hello},
};

/// Someone who is in one room, says nothing and shows nothing.
pub(crate) struct Visitor {
    pub(crate) number: usize,
    pub(crate) room: RoomName,
    pub(crate) comes_at: Instant,
    pub(crate) leaves_at: Instant,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) dice: Dice,
}

impl Visitor {
    /// Comes once, and stays until it leaves or its node is gone.
    pub(crate) async fn visit(mut self) {
        sleep_until(self.comes_at).await;
        let id = format!("v{}", self.number).parse().expect("an id");
        let author = Author { id, name: "visitor".parse().expect("a name"), color: None };
        let rooms = vec![(self.room.clone(), Epoch::from_random(1), Seq::ZERO)];
        let hello = Hello { dialect: Dialect::Native, author, rooms };
        let node = self.dice.below(self.cluster.count());
        let Some(end) = self.cluster.connect(node, self.number, hello, self.dice.fork()) else { return };
        let shows = async {
            while let Some(packets) = end.connection.receive().await {
                let pages = packets.iter().filter(|packet| matches!(packet, Packet::Page(..)));
                pages.for_each(|_| end.connection.ack_page());
            }
        };
        let _ = timeout_at(self.leaves_at, shows).await;
        end.connection.close();
    }
}
