//! What the domain tells whoever measures how messages go out.

use std::{fmt, sync::Arc};

use super::types::{Message, Seq};

/// Who watches messages go out: the telemetry. None of the calls waits, fails or blocks.
pub trait Witness: fmt::Debug + Send + Sync {
    /// Another node's messages, not empty, have reached this one's hub by a hint.
    fn heard(&self, messages: &[Arc<Message>]);

    /// A sampled message may be shown here from now on, to so many members of its room.
    fn shown(&self, message: &Message, members: usize);

    /// These messages, not empty, were emitted to one session; those after `joined` were said since it joined.
    fn emitted(&self, messages: &[Arc<Message>], path: Path, joined: Seq);
}

/// How a message came to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// It was at the head.
    Live,
    /// It was behind, and memory had it.
    Tail,
    /// It was behind, and the log was read.
    Log,
}
