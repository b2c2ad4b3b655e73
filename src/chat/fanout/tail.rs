//! The newest messages of a room, in memory.

use std::{collections::VecDeque, sync::Arc};

use crate::chat::model::{Message, Seq};

/// The newest messages of a room, without holes, so that most cursors need not read the log.
#[derive(Debug)]
pub struct Tail {
    messages: VecDeque<Arc<Message>>,
    text_bytes: usize,
    limit: TailLimit,
}

/// How much of a room is kept in memory; the oldest messages go first.
#[derive(Clone, Copy, Debug)]
pub struct TailLimit {
    /// Messages.
    pub messages: usize,
    /// Bytes of text; one message stays, however large.
    pub bytes: usize,
}

impl Tail {
    /// An empty tail.
    #[must_use]
    pub fn new(limit: TailLimit) -> Self {
        Self { messages: VecDeque::new(), text_bytes: 0, limit }
    }

    /// How many messages it holds.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.messages.len()
    }

    /// The bytes of their texts.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Adds a message that the reorder buffer released. One that does not follow the last one, because the buffer
    /// skipped some, replaces the whole tail.
    pub fn push(&mut self, message: Arc<Message>) {
        if self.messages.back().is_some_and(|last| last.seq.next() != message.seq) {
            self.messages.clear();
            self.text_bytes = 0;
        }
        self.text_bytes += message.draft.text.as_str().len();
        self.messages.push_back(message);
        while self.limit.messages < self.messages.len()
            || (self.limit.bytes < self.text_bytes && 1 < self.messages.len())
        {
            let oldest = self.messages.pop_front().expect("a tail over its limit is not empty");
            self.text_bytes -= oldest.draft.text.as_str().len();
        }
    }

    /// Up to `limit` messages that follow `shown`; `None` if they are not here, or not here yet.
    #[must_use]
    pub fn after(&self, shown: Seq, limit: usize) -> Option<Vec<Arc<Message>>> {
        let (first, wanted) = (self.messages.front()?.seq, shown.next());
        if wanted < first {
            return None;
        }
        let skip = usize::try_from(wanted.since(first)).ok()?;
        (skip < self.messages.len()).then(|| self.messages.iter().skip(skip).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::message;

    #[test]
    fn a_tail_answers_for_what_it_holds_and_nothing_else() {
        let mut tail = Tail::new(TailLimit { messages: 3, bytes: 1_000 });
        let after = |tail: &Tail, shown: u64, limit: usize| -> Option<Vec<u64>> {
            tail.after(Seq(shown), limit).map(|found| found.iter().map(|m| m.seq.0).collect())
        };
        assert_eq!(after(&tail, 0, 9), None);
        for seq in 1..=5 {
            tail.push(message("lobby", seq));
        }
        assert_eq!(after(&tail, 1, 9), None, "2 has left");
        assert_eq!(after(&tail, 2, 9), Some(vec![3, 4, 5]));
        assert_eq!(after(&tail, 3, 1), Some(vec![4]));
        assert_eq!(after(&tail, 5, 9), None, "6 is not here yet");
        tail.push(message("lobby", 9));
        assert_eq!(after(&tail, 4, 9), None, "the tail starts again after a skip");
        assert_eq!(after(&tail, 8, 9), Some(vec![9]));
    }

    #[test]
    fn a_tail_is_bounded_by_bytes_but_keeps_the_newest() {
        let mut tail = Tail::new(TailLimit { messages: 10, bytes: 4 });
        for seq in 1..=3 {
            tail.push(message("lobby", seq));
        }
        assert!(tail.after(Seq(2), 9).is_some());
        assert!(tail.after(Seq(1), 9).is_none(), "two texts of three bytes are over the limit");
    }
}
