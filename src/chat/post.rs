//! What is posted: a message, or what changes one; and why it may be refused.

use super::{
    ports::AppendError,
    types::{Invalid, Kind, Message, MessageText, Nonce, Reaction, RoomName, Seq, TraceContext, UserId},
};

/// A message as its sender posts it.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it is said.
    pub room: RoomName,
    /// What makes a retry safe; without it each call stores.
    pub nonce: Option<Nonce>,
    /// What it says.
    pub saying: Saying,
    /// If it is sampled.
    pub trace: Option<TraceContext>,
}

/// What a post says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// An ordinary message.
    Text(MessageText),
    /// Something about an ordinary message of the same room.
    Amendment {
        /// That message.
        of: Seq,
        /// What becomes of it.
        act: Act,
    },
}

/// What becomes of a message. Whoever shows it folds these: the newest edit counts, and
/// nothing comes after a deletion; the reactions are a set of who and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Its author says this instead.
    Edit(MessageText),
    /// Its author takes it away.
    Delete,
    /// Anyone feels this about it.
    React(Reaction),
    /// They do no longer.
    Unreact(Reaction),
}

impl Saying {
    /// Takes the parts of a post: `kind` is that of an ordinary message if there is none.
    ///
    /// # Errors
    ///
    /// [`Invalid`] says which of them it is.
    pub fn new(
        kind: Option<&str>,
        of: Option<u64>,
        text: &str,
        text_bytes_max: usize,
    ) -> Result<Self, Invalid> {
        let text_of = || MessageText::new(text, text_bytes_max);
        let act = match kind.unwrap_or(Kind::TEXT) {
            Kind::TEXT if of.is_none() => return Ok(Self::Text(text_of()?)),
            Kind::EDIT => Act::Edit(text_of()?),
            Kind::DELETE => Act::Delete,
            "react" => Act::React(text.parse()?),
            "unreact" => Act::Unreact(text.parse()?),
            _ => return Err(Invalid::Amendment),
        };
        let of = of.filter(|of| 0 < *of).map(Seq).ok_or(Invalid::Amendment)?;
        Ok(Self::Amendment { of, act })
    }

    /// The message that it is about; `None` if it is one itself.
    #[must_use]
    pub fn of(&self) -> Option<Seq> {
        match self {
            Self::Text(_) => None,
            Self::Amendment { of, .. } => Some(*of),
        }
    }

    /// As the log keeps it.
    #[must_use]
    pub fn into_parts(self) -> (Kind, Option<Seq>, MessageText) {
        let (of, act) = match self {
            Self::Text(text) => return (Kind::text(), None, text),
            Self::Amendment { of, act } => (of, act),
        };
        let (kind, text) = match act {
            Act::Edit(text) => (Kind::EDIT, text),
            Act::Delete => (Kind::DELETE, MessageText::none()),
            Act::React(reaction) => ("react", (&reaction).into()),
            Act::Unreact(reaction) => ("unreact", (&reaction).into()),
        };
        (kind.parse().expect("letters are a kind"), Some(of), text)
    }

    /// Whether `author` may say this, given what the log has in the place that it is about.
    ///
    /// # Errors
    ///
    /// [`PostError`]: no waiting mends it.
    pub(super) fn check(&self, author: &UserId, there: Option<&Message>) -> Result<(), PostError> {
        let Self::Amendment { of, act } = self else { return Ok(()) };
        let target = there.filter(|there| there.seq == *of && there.draft.kind.is_text());
        let target = target.ok_or(PostError::NoSuchMessage)?;
        match act {
            Act::Edit(_) | Act::Delete if target.draft.author.id != *author => Err(PostError::NotAuthor),
            _ => Ok(()),
        }
    }
}

/// Why a message was not, or not surely, stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The nonce belongs to a message with another text; no retry helps.
    #[error("this nonce was used for another message")]
    NonceConflict,
    /// It is about what is no ordinary message of its room, or no longer there; no retry helps.
    #[error("there is no such message in the room")]
    NoSuchMessage,
    /// It changes what someone else has said; no retry helps.
    #[error("only its author changes a message")]
    NotAuthor,
    /// An earlier post of this socket was refused for a reason that passes, and has not come back.
    #[error("an earlier message to this room was refused: send that one again first")]
    RetryFirst,
    /// The session, or over HTTP the user, posts faster than it may.
    #[error("too many messages; retry in {retry_after_ms} ms")]
    RateLimited {
        /// Wait this long before the next try.
        retry_after_ms: u64,
    },
    /// More requests of this socket wait than may.
    #[error("too many requests at one time")]
    Overloaded,
    /// Nothing was stored, since more waits than the log takes.
    #[error("the message log is busy")]
    Busy,
    /// Nothing was stored, since the log cannot be written now, or not be read for what the post is about.
    #[error("the message log cannot be used")]
    Unavailable,
    /// It is not known whether it was stored: only the same nonce settles it.
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
    pub fn passes(&self) -> bool {
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
        for (kind, of, text, expected) in [
            (None, None, "hello", Ok("text")),
            (Some("text"), None, "hello", Ok("text")),
            (Some("edit"), Some(1), "hello", Ok("edit")),
            (Some("delete"), Some(1), "", Ok("delete")),
            (Some("delete"), Some(1), "what no one looks at", Ok("delete")),
            (Some("react"), Some(1), "\u{1f44d}\u{1f3fd}", Ok("react")),
            (Some("unreact"), Some(1), "+1", Ok("unreact")),
            (None, None, "", Err(Invalid::Text { limit: 100 })),
            (Some("edit"), Some(1), "", Err(Invalid::Text { limit: 100 })),
            (Some("react"), Some(1), "", Err(Invalid::Reaction)),
            (Some("react"), Some(1), "two words", Err(Invalid::Reaction)),
            (Some("unreact"), Some(1), &long, Err(Invalid::Reaction)),
            (None, Some(1), "hello", Err(Invalid::Amendment)),
            (Some("text"), Some(1), "hello", Err(Invalid::Amendment)),
            (Some("edit"), None, "hello", Err(Invalid::Amendment)),
            (Some("edit"), Some(0), "hello", Err(Invalid::Amendment)),
            (Some("delete"), None, "", Err(Invalid::Amendment)),
            (Some("poll.vote"), Some(1), "hello", Err(Invalid::Amendment)),
            (Some(""), None, "hello", Err(Invalid::Amendment)),
        ] {
            let parts = Saying::new(kind, of, text, 100).map(Saying::into_parts);
            let kinds = parts.clone().map(|(kind, _, _)| kind.to_string());
            assert_eq!(kinds, expected.map(str::to_owned), "{kind:?} {of:?} {text}");
            if let Ok((kind, about, stored)) = parts {
                assert_eq!(about, of.map(Seq));
                assert_eq!(stored.as_str(), if kind.as_str() == "delete" { "" } else { text });
            }
        }
    }

    #[test]
    fn only_ordinary_messages_are_amended_and_changed_by_their_author_alone() {
        let (ada, bob): (UserId, UserId) = ("ada".parse().unwrap(), "bob".parse().unwrap());
        let there = message("lobby", 7);
        let mut amendment = Message::clone(&there);
        amendment.draft.kind = "edit".parse().unwrap();
        let saying = |kind| Saying::new(Some(kind), Some(7), "x", 100).unwrap();
        for kind in ["edit", "delete", "react", "unreact"] {
            let changes = matches!(kind, "edit" | "delete");
            let by_another = if changes { Err(PostError::NotAuthor) } else { Ok(()) };
            assert_eq!(saying(kind).check(&ada, Some(&there)), Ok(()), "{kind}");
            assert_eq!(saying(kind).check(&bob, Some(&there)), by_another, "{kind}");
            for nothing in [None, Some(&amendment), Some(&*message("lobby", 8))] {
                let verdict = saying(kind).check(&ada, nothing);
                assert_eq!(verdict, Err(PostError::NoSuchMessage), "{kind} {nothing:?}");
            }
        }
    }
}
