//! What a message is: an ordinary text, a change to one, or something that a later version stores.

use std::{fmt, str::FromStr, sync::Arc};

use super::{error::ValidationError, limits::KIND_BYTES_MAX};

/// What a message is. Its string form is public: it is stored, sent between nodes and shown to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary message.
    Text,
    /// A new text for an ordinary message, by its author.
    Edit,
    /// The removal of an ordinary message, by its author.
    Delete,
    /// A reaction to an ordinary message.
    React,
    /// A reaction taken back.
    Unreact,
    /// A kind that this version does not know. It is stored and delivered like any other.
    Other(OtherKind),
}

/// A kind that this version does not know; only [`Kind::from_str`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherKind(Arc<str>);

impl Kind {
    /// The kinds that this version knows.
    pub const ALL: [Self; 5] = [Self::Text, Self::Edit, Self::Delete, Self::React, Self::Unreact];

    /// The longest one, in bytes.
    pub const BYTES_MAX: usize = KIND_BYTES_MAX;

    /// The string form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text => "text",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::React => "react",
            Self::Unreact => "unreact",
            Self::Other(OtherKind(name)) => name,
        }
    }
}

impl FromStr for Kind {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<Self, ValidationError> {
        if let Some(known) = Self::ALL.into_iter().find(|known| known.as_str() == text) {
            return Ok(known);
        }
        let is_allowed = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '-');
        let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX;
        if fits && text.chars().all(is_allowed) {
            Ok(Self::Other(OtherKind(text.into())))
        } else {
            Err(ValidationError::Kind)
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_back_as_it_was_written_also_one_that_is_not_known() {
        for known in Kind::ALL {
            assert_eq!(known.as_str().parse(), Ok(known.clone()));
        }
        for other in ["poll.vote", "a", "x-y", &"z".repeat(Kind::BYTES_MAX)] {
            let kind: Kind = other.parse().unwrap();
            assert!(matches!(kind, Kind::Other(_)) && kind.as_str() == other, "{other}");
        }
        for bad in ["", "Text", "a b", "poll_vote", "1", &"z".repeat(Kind::BYTES_MAX + 1)] {
            assert_eq!(bad.parse::<Kind>(), Err(ValidationError::Kind), "{bad}");
        }
    }
}
