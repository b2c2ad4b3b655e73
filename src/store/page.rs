//! How much one read returns.

use std::sync::Arc;

use crate::chat::model::Message;

/// A page is full when its texts reach this many bytes. One message is always
/// taken, whatever its size: a page is empty only at the end.
pub(super) const PAGE_BYTES_MAX: usize = 128 * 1024;

/// The same of the amendments of a page: each of its messages may have been edited.
pub(super) const AMENDMENT_BYTES_MAX: usize = 4 * PAGE_BYTES_MAX;

/// Messages gathered up to a count and [`PAGE_BYTES_MAX`].
pub(super) struct Page {
    messages: Vec<Arc<Message>>,
    bytes: usize,
    limit: usize,
    bytes_max: usize,
}

impl Page {
    pub(super) fn new(limit: usize) -> Self {
        Self::within(limit, PAGE_BYTES_MAX)
    }

    /// A page with another limit of its bytes.
    pub(super) fn within(limit: usize, bytes_max: usize) -> Self {
        Self { messages: Vec::new(), bytes: 0, limit, bytes_max }
    }

    /// As many of these as fit.
    pub(super) fn of<'m>(messages: impl IntoIterator<Item = &'m Arc<Message>>, limit: usize) -> Self {
        Self::new(limit).filled(messages)
    }

    /// The same page with as many of these as still fit.
    pub(super) fn filled<'m>(mut self, messages: impl IntoIterator<Item = &'m Arc<Message>>) -> Self {
        for message in messages {
            if self.is_full() {
                break;
            }
            self.push(message.clone());
        }
        self
    }

    /// Whether it takes no more.
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

    /// What was gathered, in the order it came.
    pub(super) fn in_order(self) -> Vec<Arc<Message>> {
        self.messages
    }

    /// What was gathered, for a reader that went from the newest back.
    pub(super) fn reversed(mut self) -> Vec<Arc<Message>> {
        self.messages.reverse();
        self.messages
    }
}
