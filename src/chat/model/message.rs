//! A message, before and after the log has given it a seq.

use super::{
    error::ValidationError,
    kind::Kind,
    limits::HUE_MAX,
    names::{NodeId, Nonce, RoomName, UserId, UserName},
    seq::Seq,
    text::MessageText,
};

/// A message as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the room.
    pub seq: Seq,
    /// Everything that was known before the log took it.
    pub draft: Draft,
}

/// A message on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The room it goes to.
    pub room: RoomName,
    /// What it is.
    pub kind: Kind,
    /// The message of the same room that it amends; `None` for an ordinary message. On the wire and in the
    /// database: `of`.
    pub target: Option<Seq>,
    /// Who posted it.
    pub author: Author,
    /// Makes a retry safe; without it each call stores.
    pub nonce: Option<Nonce>,
    /// The text; empty in a deletion.
    pub text: MessageText,
    /// When a node took it, by that node's clock.
    pub at: UnixMs,
    /// The node that took it.
    pub node: NodeId,
    /// Set if it is sampled; a log need not keep it.
    pub trace: Option<TraceContext>,
}

/// The author of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Stable over connections.
    pub id: UserId,
    /// The display name at that time.
    pub name: UserName,
    /// The colour that they had chosen by then.
    pub color: Option<Hue>,
}

impl Author {
    /// The author of everything on namespace `/`, whose clients have no identity.
    #[must_use]
    pub fn anonymous() -> Self {
        let name = "anonymous";
        Self {
            id: name.parse().expect("letters are an id"),
            name: name.parse().expect("letters are a name"),
            color: None,
        }
    }
}

/// A colour that a user chose, as a hue in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hue(u16);

impl Hue {
    /// The largest one.
    pub const MAX: u16 = HUE_MAX;

    /// The degrees.
    #[must_use]
    pub fn degrees(self) -> u16 {
        self.0
    }
}

impl TryFrom<u64> for Hue {
    type Error = ValidationError;

    fn try_from(degrees: u64) -> Result<Self, ValidationError> {
        let degrees = u16::try_from(degrees).ok().filter(|degrees| *degrees <= Self::MAX);
        degrees.map(Self).ok_or(ValidationError::Color)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, by the clock of the node that stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMs(pub u64);

/// The trace that a sampled message belongs to, as in W3C Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The parent of the spans that follow.
    pub span_id: [u8; 8],
}
