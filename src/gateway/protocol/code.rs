//! Error codes: the stable names of everything that can be refused.

use serde::{Serialize, Serializer};

/// Defines the codes once: as variants, as a list and as strings.
macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        /// Why a request was refused, for programs. `docs/PROTOCOL.md` explains each code; none is ever renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "docs/PROTOCOL.md explains each code")]
        pub enum ErrorCode {
            $($name,)*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    BadRequest = "bad_request",
    BadRoom = "bad_room",
    BadNonce = "bad_nonce",
    BadText = "bad_text",
    BadName = "bad_name",
    BadEpoch = "bad_epoch",
    BadColor = "bad_color",
    BadQuery = "bad_query",
    BadKind = "bad_kind",
    BadUser = "bad_user",
    BadToken = "bad_token",
    NotAuthor = "not_author",
    NoSuchMessage = "no_such_message",
    NotFound = "not_found",
    TooLarge = "too_large",
    NonceConflict = "nonce_conflict",
    TooManyRooms = "too_many_rooms",
    UnknownEvent = "unknown_event",
    RateLimited = "rate_limited",
    RetryFirst = "retry_first",
    Overloaded = "overloaded",
    Busy = "busy",
    Unavailable = "unavailable",
    Unknown = "unknown",
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
