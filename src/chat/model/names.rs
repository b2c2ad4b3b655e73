//! Identifiers and other short strings that only a checked constructor makes.

use std::{fmt, str::FromStr, sync::Arc};

use super::{
    error::ValidationError,
    limits::{IDENTIFIER_BYTES_MAX, NONCE_BYTES_MAX, REACTION_BYTES_MAX, USER_NAME_BYTES_MAX},
};

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
            type Err = ValidationError;

            fn from_str(text: &str) -> Result<Self, ValidationError> {
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
    RoomName, IDENTIFIER_BYTES_MAX, ValidationError::Room, is_identifier
}
name! {
    /// A user, stable over connections; the scope of their nonces.
    UserId, IDENTIFIER_BYTES_MAX, ValidationError::User, is_identifier
}
name! {
    /// A user's display name; not unique.
    UserName, USER_NAME_BYTES_MAX, ValidationError::Name, |c| !c.is_control()
}
name! {
    /// The sender's idempotency key: one message per room, author and nonce.
    Nonce, NONCE_BYTES_MAX, ValidationError::Nonce, |c| !c.is_control()
}
name! {
    /// A reaction to a message, such as an emoji.
    Reaction, REACTION_BYTES_MAX, ValidationError::Reaction, |c| !c.is_control() && !c.is_whitespace()
}
name! {
    /// A node's name.
    NodeId, IDENTIFIER_BYTES_MAX, ValidationError::User, is_identifier
}

impl RoomName {
    /// The room of namespace `/`, and the page's first room.
    #[must_use]
    pub fn lobby() -> Self {
        Self("lobby".into())
    }
}

impl Nonce {
    /// Takes text that is known to fit, and has no control characters.
    pub(super) fn from_printable(text: String) -> Self {
        Self(text.into())
    }
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
            assert_eq!(bad.parse::<RoomName>(), Err(ValidationError::Room), "{bad}");
        }
    }
}
