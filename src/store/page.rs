//! How much one read returns.

use std::sync::Arc;

use crate::chat::types::Message;

/// A page is full when its texts reach this many bytes. One message is always
/// taken, whatever its size: a page is empty only at the end.
pub(super) const PAGE_BYTES_MAX: usize = 128 * 1024;

/// Messages gathered up to a count and [`PAGE_BYTES_MAX`].
pub(super) struct Page {
    messages: Vec<Arc<Message>>,
    bytes: usize,
    limit: usize,
}

impl Page {
    pub(super) fn new(limit: usize) -> Self {
        Self { messages: Vec::new(), bytes: 0, limit }
    }

    /// As many of these as fit.
    pub(super) fn of<'m>(messages: impl IntoIterator<Item = &'m Arc<Message>>, limit: usize) -> Self {
        let mut page = Self::new(limit);
        for message in messages {
            if page.is_full() {
                break;
            }
            page.push(message.clone());
        }
        page
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.limit <= self.messages.len() || PAGE_BYTES_MAX <= self.bytes
    }

    pub(super) fn push(&mut self, message: Arc<Message>) {
        self.bytes += message.draft.text.as_str().len();
        self.messages.push(message);
    }

    /// What was gathered, in the order it came.
    pub(super) fn ascending(self) -> Vec<Arc<Message>> {
        self.messages
    }

    /// What was gathered, for a reader that went from the newest back.
    pub(super) fn reversed(mut self) -> Vec<Arc<Message>> {
        self.messages.reverse();
        self.messages
    }
}
