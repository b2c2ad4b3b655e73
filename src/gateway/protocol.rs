//! The native protocol's words: events, requests, answers and codes.
//!
//! `docs/PROTOCOL.md` describes them for clients. Fields are added, never renamed.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::chat::{ports::ReadError, post::PostError, search::BadQuery, service::JoinError, types::Invalid};

pub mod answer;
pub mod request;

pub(super) mod args;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// What went wrong, for programs; stable.
    pub code: &'static str,
    /// What went wrong, for people.
    pub detail: String,
    /// If waiting helps: this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// How long a client waits after a refusal that passes by itself.
const RETRY_AFTER_MS: u64 = 1_000;

impl Refusal {
    /// A refusal that no waiting mends.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    fn passing(code: &'static str, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), retry_after_ms: Some(RETRY_AFTER_MS) }
    }

    /// As the argument of an ack, or the body of a response.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "error": self })
    }
}

/// As a connect error's message: `code: detail`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let code = match invalid {
            Invalid::Room => "bad_room",
            Invalid::Nonce => "bad_nonce",
            Invalid::Text { .. } | Invalid::Reaction => "bad_text",
            Invalid::Name => "bad_name",
            Invalid::User => "bad_user",
            Invalid::Kind | Invalid::Amendment => "bad_kind",
            Invalid::Color => "bad_color",
            Invalid::Epoch => "bad_epoch",
        };
        Self::new(code, invalid.to_string())
    }
}

impl From<BadQuery> for Refusal {
    fn from(bad: BadQuery) -> Self {
        Self::new("bad_query", bad.to_string())
    }
}

impl From<PostError> for Refusal {
    fn from(error: PostError) -> Self {
        match error {
            PostError::NonceConflict => Self::new("nonce_conflict", error.to_string()),
            PostError::NoSuchMessage => Self::new("no_such_message", error.to_string()),
            PostError::NotAuthor => Self::new("not_author", error.to_string()),
            PostError::RetryFirst => Self::passing("retry_first", error),
            PostError::RateLimited { retry_after_ms } => {
                Self { code: "rate_limited", detail: error.to_string(), retry_after_ms: Some(retry_after_ms) }
            }
            PostError::Overloaded => Self::passing("overloaded", error),
            PostError::Busy => Self::passing("busy", error),
            PostError::Unavailable => Self::passing("unavailable", error),
            PostError::Unknown => Self::passing("unknown", error),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        // The cause is for operators; clients learn only that waiting helps.
        tracing::warn!(error = &error as &dyn std::error::Error, "a request could not read the log");
        Self::passing("unavailable", error)
    }
}

/// A new guest needs random numbers.
impl From<getrandom::Error> for Refusal {
    fn from(error: getrandom::Error) -> Self {
        Self::passing("unavailable", error)
    }
}

impl From<JoinError> for Refusal {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::TooManyRooms(_) => Self::new("too_many_rooms", error.to_string()),
            JoinError::Read(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_who_cannot_be_made_now_may_come_again() {
        let refusal = Refusal::from(getrandom::Error::UNSUPPORTED);
        assert_eq!((refusal.code, refusal.retry_after_ms), ("unavailable", Some(RETRY_AFTER_MS)));
    }
}
