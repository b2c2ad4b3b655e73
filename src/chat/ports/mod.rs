//! What the domain needs from outside, as traits with written contracts.

mod bus;
mod clock;
mod log;
mod observer;
mod presence;

pub use self::{
    bus::{ClusterBus, Hint, Hints},
    clock::Clock,
    log::{
        AppendError, Appended, Changes, Commits, Extent, ListedRoom, MessageLog, ReadError, Receipt,
        SearchResult, Space,
    },
    observer::{DeliveryObserver, DeliveryPath, Unobserved},
    presence::{
        NodeStatus, PresenceError, PresenceStore, PresenceUpdate, PresenceUpdateKind, PresenceUpdates,
    },
};
