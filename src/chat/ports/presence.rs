//! Presence shared between nodes.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::chat::model::{Author, NodeId, NodeInstance, RoomName, Roster, UnixMs};

/// Presence shared between nodes: a hint, which may be late, lost or forgotten.
///
/// What a node publishes expires with its lease. Only tasks that nobody waits for call it. A call fails with
/// [`PresenceError`] if the store cannot be reached now.
/// Implementations pass the checks in `tests/nodes/presence_store.rs`.
#[async_trait]
pub trait PresenceStore: Send + Sync {
    /// Takes or renews this node's lease for `lease` from now. `false` means that there was none, so that the
    /// store has nothing of this node.
    async fn renew(&self, status: &NodeStatus, lease: Duration) -> Result<bool, PresenceError>;

    /// The other nodes that hold a lease.
    async fn nodes(&self) -> Result<Vec<(NodeInstance, NodeStatus)>, PresenceError>;

    /// Replaces this node's rosters of these rooms and sends them to the other nodes.
    /// On an error some of them may be replaced.
    async fn publish(&self, rosters: &[(RoomName, Roster)]) -> Result<(), PresenceError>;

    /// The rosters of these rooms by the other nodes that hold a lease, in the order of `rooms`.
    async fn fetch(&self, rooms: &[RoomName]) -> Result<Vec<Vec<(NodeInstance, Roster)>>, PresenceError>;

    /// Gives up the lease and everything that this node published.
    /// On an error the lease expires by itself.
    async fn withdraw(&self) -> Result<(), PresenceError>;

    /// Tells the other nodes that someone is typing. It never waits, and may drop.
    fn publish_typing(&self, room: &RoomName, author: &Author);
}

/// The presence store cannot be reached now.
#[derive(Debug, thiserror::Error)]
#[error("the presence of other nodes cannot be read or written")]
pub struct PresenceError(#[source] pub anyhow::Error);

/// What a node publishes about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its name.
    pub id: NodeId,
    /// Its connected sockets.
    pub sessions: u64,
    /// When it started.
    pub since: UnixMs,
}

/// Where a presence store puts updates of other nodes. When it is full, updates are dropped.
pub type PresenceUpdates = mpsc::Sender<PresenceUpdate>;

/// What another node published about a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// The node that published it.
    pub instance: NodeInstance,
    /// The room.
    pub room: RoomName,
    /// What it says.
    pub kind: PresenceUpdateKind,
}

/// What an update says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceUpdateKind {
    /// These users of the node are in the room now.
    Roster(Roster),
    /// One of them is typing.
    Typing(Author),
}
