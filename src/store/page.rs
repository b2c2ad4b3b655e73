//! A page of messages, bounded in number and bytes.

use std::sync::Arc;

use crate::chat::model::Message;

/// A page is full when its texts reach this many bytes. It always takes one message, whatever its size: a page is
/// empty only at the end.
pub(super) const PAGE_BYTES_MAX: usize = 128 * 1024;

/// The same for the amendments of a page, since each of its messages may have been edited.
pub(super) const AMENDMENT_BYTES_MAX: usize = 4 * PAGE_BYTES_MAX;

pub(super) struct Page {
    messages: Vec<Arc<Message>>,
    bytes: usize,
    limit: usize,
    bytes_max: usize,
}

impl Page {
    /// An empty page of up to `limit` messages and [`PAGE_BYTES_MAX`].
    pub(super) fn new(limit: usize) -> Self {
        Self::with_bytes_max(limit, PAGE_BYTES_MAX)
    }

    pub(super) fn with_bytes_max(limit: usize, bytes_max: usize) -> Self {
        Self { messages: Vec::new(), bytes: 0, limit, bytes_max }
    }

    /// Adds messages until the page is full.
    pub(super) fn fill<'m>(mut self, messages: impl IntoIterator<Item = &'m Arc<Message>>) -> Self {
        for message in messages {
            if self.is_full() {
                break;
            }
            self.push(message.clone());
        }
        self
    }

    pub(super) fn is_full(&self) -> bool {
        self.limit <= self.messages.len() || self.bytes_max <= self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.bytes += message.draft.text.as_str().len();
        self.messages.push(message);
    }

    pub(super) fn into_messages(self) -> Vec<Arc<Message>> {
        self.messages
    }

    /// The messages in ascending order, for a reader that went from the newest back.
    pub(super) fn into_reversed(mut self) -> Vec<Arc<Message>> {
        self.messages.reverse();
        self.messages
    }
}
