//! The domain's values: valid by construction, parsed once at the edge.

mod epoch;
mod error;
mod kind;
mod limits;
mod message;
mod names;
mod roster;
mod seq;
mod text;
mod tutorial_nonce;

pub mod search;

pub use self::{
    epoch::Epoch,
    error::ValidationError,
    kind::{Kind, OtherKind},
    message::{Author, Draft, Hue, Message, TraceContext, UnixMs},
    names::{NodeId, Nonce, Reaction, RoomName, UserId, UserName},
    roster::{NAMED_MAX, NodeInstance, Person, Roster},
    search::{InvalidQuery, SearchQuery},
    seq::{LogPosition, RoomPosition, Seq},
    text::MessageText,
};
