//! A post: a message or an amendment of one, and why it may be refused.

use crate::chat::{
    model::{
        Kind, Message, MessageText, Nonce, Reaction, RoomName, Seq, TraceContext, UserId, ValidationError,
    },
    ports::AppendError,
};

/// A message as its sender posts it.
#[derive(Clone, Debug)]
pub struct Post {
    /// The room it goes to.
    pub room: RoomName,
    /// Makes a retry safe; without it each call stores.
    pub nonce: Option<Nonce>,
    /// The content.
    pub body: PostBody,
    /// Set if it is sampled.
    pub trace: Option<TraceContext>,
}

/// The content of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostBody {
    /// An ordinary message.
    Text(MessageText),
    /// A change to an ordinary message of the same room.
    Amend {
        /// That message.
        target: Seq,
        /// The change.
        amendment: Amendment,
    },
}

/// A change to an ordinary message. Whoever shows the message folds its amendments: the newest edit counts, a
/// deletion is final, and reactions are a set of user and reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// A new text, by the author.
    Edit(MessageText),
    /// Removal, by the author.
    Delete,
    /// A reaction, by anyone.
    React(Reaction),
    /// A reaction taken back.
    Unreact(Reaction),
}

impl PostBody {
    /// Builds a body from the fields of a request; without a `kind` it is an ordinary message.
    ///
    /// # Errors
    ///
    /// [`ValidationError`] names the field and the rule.
    pub fn new(
        kind: Option<&str>,
        target: Option<u64>,
        text: &str,
        text_bytes_max: usize,
    ) -> Result<Self, ValidationError> {
        let text_of = || MessageText::new(text, text_bytes_max);
        let kind =
            kind.map_or(Ok(Kind::Text), |kind| kind.parse().map_err(|_| ValidationError::Amendment))?;
        let amendment = match kind {
            Kind::Text if target.is_none() => return Ok(Self::Text(text_of()?)),
            Kind::Edit => Amendment::Edit(text_of()?),
            Kind::Delete => Amendment::Delete,
            Kind::React => Amendment::React(text.parse()?),
            Kind::Unreact => Amendment::Unreact(text.parse()?),
            Kind::Text | Kind::Other(_) => return Err(ValidationError::Amendment),
        };
        let target = target.filter(|seq| 0 < *seq).map(Seq).ok_or(ValidationError::Amendment)?;
        Ok(Self::Amend { target, amendment })
    }

    /// The message that it amends; `None` for an ordinary message.
    #[must_use]
    pub fn target(&self) -> Option<Seq> {
        match self {
            Self::Text(_) => None,
            Self::Amend { target, .. } => Some(*target),
        }
    }

    /// Kind, target and text, as the log stores them.
    #[must_use]
    pub fn into_parts(self) -> (Kind, Option<Seq>, MessageText) {
        let (target, amendment) = match self {
            Self::Text(text) => return (Kind::Text, None, text),
            Self::Amend { target, amendment } => (target, amendment),
        };
        let (kind, text) = match amendment {
            Amendment::Edit(text) => (Kind::Edit, text),
            Amendment::Delete => (Kind::Delete, MessageText::empty()),
            Amendment::React(reaction) => (Kind::React, (&reaction).into()),
            Amendment::Unreact(reaction) => (Kind::Unreact, (&reaction).into()),
        };
        (kind, Some(target), text)
    }

    /// Checks whether `author` may post this, given what the log has at the target's seq.
    ///
    /// # Errors
    ///
    /// [`PostError`]; none of them is retryable.
    pub(super) fn check(&self, author: &UserId, found: Option<&Message>) -> Result<(), PostError> {
        let Self::Amend { target, amendment } = self else { return Ok(()) };
        let found = found.filter(|found| found.seq == *target && found.draft.kind == Kind::Text);
        let found = found.ok_or(PostError::NoSuchMessage)?;
        match amendment {
            Amendment::Edit(_) | Amendment::Delete if found.draft.author.id != *author => {
                Err(PostError::NotAuthor)
            }
            _ => Ok(()),
        }
    }
}

/// Why a message was not, or not surely, stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The nonce belongs to a message with another text, kind or target.
    #[error("this nonce was used for another message")]
    NonceConflict,
    /// The target does not exist, was pruned, or is no ordinary message of the room.
    #[error("there is no such message in the room")]
    NoSuchMessage,
    /// An edit or deletion of another user's message.
    #[error("only the author of a message can change it")]
    NotAuthor,
    /// An earlier post of this socket was refused with a retryable error and has not come back.
    #[error("an earlier message to this room was refused: send that one again first")]
    RetryFirst,
    /// The session, or over HTTP the user, posts faster than allowed.
    #[error("too many messages; retry in {retry_after_ms} ms")]
    RateLimited {
        /// Wait this long before the next try.
        retry_after_ms: u64,
    },
    /// The socket has more requests waiting than allowed.
    #[error("too many requests at one time")]
    Overloaded,
    /// Nothing was stored: more is waiting than the log takes.
    #[error("the message log is busy")]
    Busy,
    /// Nothing was stored: the log cannot be written, or the target cannot be read, now.
    #[error("the message log cannot be used")]
    Unavailable,
    /// It is not known whether it was stored: only a retry with the same nonce settles it.
    #[error("it is not known whether the message was stored: send it again with the same nonce")]
    Unknown,
}

impl From<&AppendError> for PostError {
    fn from(error: &AppendError) -> Self {
        match error {
            AppendError::Busy => Self::Busy,
            AppendError::Unavailable(_) => Self::Unavailable,
            AppendError::Unknown(_) => Self::Unknown,
        }
    }
}

impl PostError {
    /// Whether the same post may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::NonceConflict | Self::NoSuchMessage | Self::NotAuthor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::message;

    #[test]
    fn a_kind_says_whether_it_is_about_a_message_and_what_its_text_is() {
        let long = "x".repeat(33);
        for (kind, target, text, expected) in [
            (None, None, "hello", Ok("text")),
            (Some("text"), None, "hello", Ok("text")),
            (Some("edit"), Some(1), "hello", Ok("edit")),
            (Some("delete"), Some(1), "", Ok("delete")),
            (Some("delete"), Some(1), "what no one looks at", Ok("delete")),
            (Some("react"), Some(1), "\u{1f44d}\u{1f3fd}", Ok("react")),
            (Some("unreact"), Some(1), "+1", Ok("unreact")),
            (None, None, "", Err(ValidationError::Text { limit: 100 })),
            (Some("edit"), Some(1), "", Err(ValidationError::Text { limit: 100 })),
            (Some("react"), Some(1), "", Err(ValidationError::Reaction)),
            (Some("react"), Some(1), "two words", Err(ValidationError::Reaction)),
            (Some("unreact"), Some(1), &long, Err(ValidationError::Reaction)),
            (None, Some(1), "hello", Err(ValidationError::Amendment)),
            (Some("text"), Some(1), "hello", Err(ValidationError::Amendment)),
            (Some("edit"), None, "hello", Err(ValidationError::Amendment)),
            (Some("edit"), Some(0), "hello", Err(ValidationError::Amendment)),
            (Some("delete"), None, "", Err(ValidationError::Amendment)),
            (Some("poll.vote"), Some(1), "hello", Err(ValidationError::Amendment)),
            (Some(""), None, "hello", Err(ValidationError::Amendment)),
        ] {
            let parts = PostBody::new(kind, target, text, 100).map(PostBody::into_parts);
            let kinds = parts.clone().map(|(kind, _, _)| kind.to_string());
            assert_eq!(kinds, expected.map(str::to_owned), "{kind:?} {target:?} {text}");
            if let Ok((kind, stored_target, stored)) = parts {
                assert_eq!(stored_target, target.map(Seq));
                assert_eq!(stored.as_str(), if kind.as_str() == "delete" { "" } else { text });
            }
        }
    }

    #[test]
    fn only_ordinary_messages_are_amended_and_changed_by_their_author_alone() {
        let (ada, bob): (UserId, UserId) = ("ada".parse().unwrap(), "bob".parse().unwrap());
        let found = message("lobby", 7);
        let mut amendment = Message::clone(&found);
        amendment.draft.kind = Kind::Edit;
        let body = |kind| PostBody::new(Some(kind), Some(7), "x", 100).unwrap();
        for kind in ["edit", "delete", "react", "unreact"] {
            let changes = matches!(kind, "edit" | "delete");
            let by_another = if changes { Err(PostError::NotAuthor) } else { Ok(()) };
            assert_eq!(body(kind).check(&ada, Some(&found)), Ok(()), "{kind}");
            assert_eq!(body(kind).check(&bob, Some(&found)), by_another, "{kind}");
            for nothing in [None, Some(&amendment), Some(&*message("lobby", 8))] {
                let verdict = body(kind).check(&ada, nothing);
                assert_eq!(verdict, Err(PostError::NoSuchMessage), "{kind} {nothing:?}");
            }
        }
    }
}
