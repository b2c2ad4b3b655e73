//! Refusals: the only translation of the domain's errors for clients.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    chat::{
        model::{InvalidQuery, ValidationError},
        ports::ReadError,
        publish::post::PostError,
        service::JoinError,
    },
    gateway::protocol::code::ErrorCode,
};

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// For programs; stable.
    pub code: ErrorCode,
    /// For people.
    pub detail: String,
    /// How long to wait before a retry; `None` if no retry helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// How long a client waits after a retryable refusal that says nothing else.
const RETRY_AFTER_MS: u64 = 1_000;

impl Refusal {
    /// A refusal that no retry helps.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    fn retryable(code: ErrorCode, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), retry_after_ms: Some(RETRY_AFTER_MS) }
    }

    /// The argument of an ack, or the body of an HTTP response.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "error": self })
    }
}

/// The message of a connect error: `code: detail`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl From<ValidationError> for Refusal {
    fn from(error: ValidationError) -> Self {
        let code = match error {
            ValidationError::Room => ErrorCode::BadRoom,
            ValidationError::Nonce => ErrorCode::BadNonce,
            ValidationError::Text { .. } | ValidationError::Reaction => ErrorCode::BadText,
            ValidationError::Name => ErrorCode::BadName,
            ValidationError::User => ErrorCode::BadUser,
            ValidationError::Kind | ValidationError::Amendment => ErrorCode::BadKind,
            ValidationError::Color => ErrorCode::BadColor,
            ValidationError::Epoch => ErrorCode::BadEpoch,
        };
        Self::new(code, error.to_string())
    }
}

impl From<InvalidQuery> for Refusal {
    fn from(error: InvalidQuery) -> Self {
        Self::new(ErrorCode::BadQuery, error.to_string())
    }
}

impl From<PostError> for Refusal {
    fn from(error: PostError) -> Self {
        match error {
            PostError::NonceConflict => Self::new(ErrorCode::NonceConflict, error.to_string()),
            PostError::NoSuchMessage => Self::new(ErrorCode::NoSuchMessage, error.to_string()),
            PostError::NotAuthor => Self::new(ErrorCode::NotAuthor, error.to_string()),
            PostError::RetryFirst => Self::retryable(ErrorCode::RetryFirst, error),
            PostError::RateLimited { retry_after_ms } => Self {
                code: ErrorCode::RateLimited,
                detail: error.to_string(),
                retry_after_ms: Some(retry_after_ms),
            },
            PostError::Overloaded => Self::retryable(ErrorCode::Overloaded, error),
            PostError::Busy => Self::retryable(ErrorCode::Busy, error),
            PostError::Unavailable => Self::retryable(ErrorCode::Unavailable, error),
            PostError::Unknown => Self::retryable(ErrorCode::Unknown, error),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        // The cause is for operators; clients learn only that waiting helps.
        tracing::warn!(error = &error as &dyn std::error::Error, "a request could not read the log");
        Self::retryable(ErrorCode::Unavailable, error)
    }
}

/// A new guest's id needs random numbers.
impl From<getrandom::Error> for Refusal {
    fn from(error: getrandom::Error) -> Self {
        Self::retryable(ErrorCode::Unavailable, error)
    }
}

impl From<JoinError> for Refusal {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::TooManyRooms(_) => Self::new(ErrorCode::TooManyRooms, error.to_string()),
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
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::Unavailable, Some(RETRY_AFTER_MS)));
    }
}
