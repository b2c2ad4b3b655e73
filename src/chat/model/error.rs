//! Why a piece of outside input is not a domain value.

use super::limits::{
    HUE_MAX, IDENTIFIER_BYTES_MAX, KIND_BYTES_MAX, NONCE_BYTES_MAX, REACTION_BYTES_MAX, USER_NAME_BYTES_MAX,
};

/// Why a piece of outside input is not a domain value. The text states the rule and is shown to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidationError {
    /// Not a room name.
    #[error("a room's name is 1 to {} of a-z, A-Z, 0-9, '-', '_', '.'", IDENTIFIER_BYTES_MAX)]
    Room,
    /// Not a nonce.
    #[error("a nonce is 1 to {} bytes without control characters", NONCE_BYTES_MAX)]
    Nonce,
    /// Not a message text.
    #[error("a text is 1 to {limit} bytes without control characters other than tab and line ends")]
    Text {
        /// The longest text that this node takes, in bytes of UTF-8.
        limit: usize,
    },
    /// Not a user name.
    #[error("a name is 1 to {} bytes without control characters", USER_NAME_BYTES_MAX)]
    Name,
    /// Not a user or node id.
    #[error("a user id is 1 to {} of a-z, A-Z, 0-9, '-', '_', '.'", IDENTIFIER_BYTES_MAX)]
    User,
    /// Not a kind of message.
    #[error("a kind is 1 to {} of a-z, '.', '-'", KIND_BYTES_MAX)]
    Kind,
    /// A kind that cannot be posted, or a target where the kind has none, or none where it needs one.
    #[error(
        "a post's kind is text, edit, delete, react or unreact; all but text name a message in `of`, by its seq"
    )]
    Amendment,
    /// Not a reaction.
    #[error("a reaction is 1 to {} bytes without white space and control characters", REACTION_BYTES_MAX)]
    Reaction,
    /// Not a colour.
    #[error("a colour is a hue: a whole number from 0 to {}", HUE_MAX)]
    Color,
    /// Not an epoch.
    #[error("an epoch is 32 hexadecimal digits")]
    Epoch,
}
