//! The domain's values: valid by construction, parsed once at the edge.

use std::{fmt, str::FromStr, sync::Arc};

mod tutorial_nonce;

/// Why a piece of outside input is not a domain value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not a room's name.
    #[error("a room's name is 1 to {} of a-z, A-Z, 0-9, '-', '_', '.'", RoomName::BYTES_MAX)]
    Room,
    /// Not a nonce.
    #[error("a nonce is 1 to {} bytes without control characters", Nonce::BYTES_MAX)]
    Nonce,
    /// Not a message's text.
    #[error("a text is 1 to {limit} bytes without control characters other than tab and line ends")]
    Text {
        /// The longest text that this node takes, in bytes of UTF-8.
        limit: usize,
    },
    /// Not a person's name.
    #[error("a name is 1 to {} bytes without control characters", UserName::BYTES_MAX)]
    Name,
    /// Not a user's id.
    #[error("a user id is 1 to {} of a-z, A-Z, 0-9, '-', '_', '.'", UserId::BYTES_MAX)]
    User,
    /// Not a kind of message.
    #[error("a kind is 1 to {} of a-z, '.', '-'", Kind::BYTES_MAX)]
    Kind,
    /// Not a kind that can be posted, or not about a message as its kind asks.
    #[error(
        "a post's kind is text, edit, delete, react or unreact; all but text are `of` a message, by its seq"
    )]
    Amendment,
    /// Not a reaction.
    #[error("a reaction is 1 to {} bytes without white space and control characters", Reaction::BYTES_MAX)]
    Reaction,
    /// Not a colour.
    #[error("a colour is a hue: a whole number from 0 to {}", Hue::MAX)]
    Color,
    /// Not an epoch.
    #[error("an epoch is 32 hexadecimal digits")]
    Epoch,
}

/// Defines a short string that only its checked constructor makes.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:expr, $error:expr, $allows:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest one, in bytes of UTF-8.
            pub const BYTES_MAX: usize = $max;

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let allows: fn(char) -> bool = $allows;
                let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX;
                if fits && text.chars().all(allows) { Ok(Self(text.into())) } else { Err($error) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

name! {
    /// A room: the scope of one sequence of messages.
    RoomName, 64, Invalid::Room, is_identifier
}
name! {
    /// Who someone is, stable over connections; the scope of their nonces.
    UserId, 64, Invalid::User, is_identifier
}
name! {
    /// What someone is called; not unique.
    UserName, 64, Invalid::Name, |c| !c.is_control()
}
name! {
    /// The sender's idempotency key: one message a room, author and nonce.
    Nonce, 128, Invalid::Nonce, |c| !c.is_control()
}
name! {
    /// What a message is; `text` first, and clients step over kinds they do not know.
    Kind, 32, Invalid::Kind, |c| c.is_ascii_lowercase() || matches!(c, '.' | '-')
}
name! {
    /// What someone feels about a message, such as an emoji.
    Reaction, 32, Invalid::Reaction, |c| !c.is_control() && !c.is_whitespace()
}
name! {
    /// One process of the cluster.
    NodeId, 64, Invalid::User, is_identifier
}

impl RoomName {
    /// The room of namespace `/`, and where the page starts.
    #[must_use]
    pub fn lobby() -> Self {
        Self("lobby".into())
    }
}

impl Kind {
    /// An ordinary message.
    pub const TEXT: &str = "text";
    /// What its author says in place of an ordinary message.
    pub const EDIT: &str = "edit";
    /// That its author takes an ordinary message away.
    pub const DELETE: &str = "delete";

    /// An ordinary message's kind.
    #[must_use]
    pub fn text() -> Self {
        Self(Self::TEXT.into())
    }

    /// Whether this is an ordinary message.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.as_str() == Self::TEXT
    }
}

/// What was said: not empty, at most a set number of bytes, and without
/// control characters other than tab and line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageText(Box<str>);

impl MessageText {
    /// What a message says that takes another away: nothing.
    #[must_use]
    pub fn none() -> Self {
        Self("".into())
    }

    /// Takes `text` as it is, if it is at most `bytes_max` bytes of UTF-8.
    ///
    /// # Errors
    ///
    /// [`Invalid::Text`] names the rule that the text breaks.
    pub fn new(text: &str, bytes_max: usize) -> Result<Self, Invalid> {
        let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
        let fits = !text.is_empty() && text.len() <= bytes_max;
        if fits && text.chars().all(printable) {
            Ok(Self(text.into()))
        } else {
            Err(Invalid::Text { limit: bytes_max })
        }
    }

    /// Takes back what a log stored; it was checked on its way in, perhaps by
    /// a node with another limit.
    #[must_use]
    pub fn from_log(text: String) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Reaction> for MessageText {
    fn from(reaction: &Reaction) -> Self {
        Self(reaction.as_str().into())
    }
}

/// A colour that someone chose, as a hue in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hue(u16);

impl Hue {
    /// The last one before red comes again.
    pub const MAX: u16 = 359;

    /// The degrees.
    #[must_use]
    pub fn degrees(self) -> u16 {
        self.0
    }
}

impl TryFrom<u64> for Hue {
    type Error = Invalid;

    fn try_from(degrees: u64) -> Result<Self, Invalid> {
        u16::try_from(degrees).ok().filter(|degrees| *degrees <= Self::MAX).map(Self).ok_or(Invalid::Color)
    }
}

/// A message's place in its room: 1, 2, 3, … without holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// The place after this one. Saturates, so that no outside number overflows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message's place in the whole log, ascending in the order of commits over
/// all rooms; it may have holes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

/// A log's identity: another one, or the same restored from a backup, has
/// another, and places in it mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u128);

impl Epoch {
    /// An epoch of 128 bits that the caller drew at random.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).map_err(|_| Invalid::Epoch)?;
        if digits { Ok(Self(bits)) } else { Err(Invalid::Epoch) }
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, by the clock of the node that stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMs(pub u64);

impl Author {
    /// Who speaks on namespace `/`, whose clients have no identity.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { id: UserId("anonymous".into()), name: UserName("anonymous".into()), color: None }
    }
}

/// Someone who posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Stable over connections.
    pub id: UserId,
    /// What they were called when they posted.
    pub name: UserName,
    /// The colour that they had chosen by then, if any.
    pub color: Option<Hue>,
}

/// Where a sampled message's trace goes on, as in W3C Trace Context. An unsampled message has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// Of all that happens to the message.
    pub trace_id: [u8; 16],
    /// Of the span that what follows belongs under.
    pub span_id: [u8; 8],
}

/// A message on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where it is said.
    pub room: RoomName,
    /// What it is.
    pub kind: Kind,
    /// The message that it amends, in the same room, unless it is an ordinary one.
    pub of: Option<Seq>,
    /// By whom.
    pub author: Author,
    /// What makes a retry safe; without it each call stores.
    pub nonce: Option<Nonce>,
    /// What is said.
    pub text: MessageText,
    /// When the node took it.
    pub at: UnixMs,
    /// The node that took it.
    pub node: NodeId,
    /// If it is sampled; a log need not keep it.
    pub trace: Option<TraceContext>,
}

/// A message as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the room.
    pub seq: Seq,
    /// All that its sender gave.
    pub draft: Draft,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_a_short_identifier() {
        for good in ["lobby", "a", "A-1_b.c", &"x".repeat(64)] {
            assert!(good.parse::<RoomName>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
            assert_eq!(bad.parse::<RoomName>(), Err(Invalid::Room), "{bad}");
        }
    }

    #[test]
    fn a_text_has_a_size_and_no_control_characters() {
        for good in ["x", "two\nlines\t!", "\u{202e}rtl", &"é".repeat(50)] {
            assert!(MessageText::new(good, 100).is_ok(), "{good}");
        }
        for bad in ["", "nul\0", "\u{1b}[31m", &"é".repeat(51)] {
            assert_eq!(MessageText::new(bad, 100), Err(Invalid::Text { limit: 100 }), "{bad}");
        }
    }

    #[test]
    fn an_epoch_is_read_back_as_it_was_written() {
        let epoch = Epoch::from_random(0xabc);
        assert_eq!(epoch.to_string().parse(), Ok(epoch));
        for bad in ["", "abc", "+0000000000000000000000000000abc", &"g".repeat(32)] {
            assert_eq!(bad.parse::<Epoch>(), Err(Invalid::Epoch), "{bad}");
        }
    }
}
