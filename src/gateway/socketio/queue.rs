//! A bounded queue that takes no memory while it is empty.
//!
//! Most sockets are idle most of the time. The runtime's channel allocates 32 entries when it is made, which for our
//! events is more than everything else that an idle socket holds.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use crate::sync::lock;

/// An entry, with its share of the queue's bytes.
pub(in crate::gateway) type Queued<T> = (T, ByteShare);

/// A queue for `slots` entries of `bytes` in all.
pub(super) fn queue<T>(slots: usize, bytes: usize) -> (Writer<T>, Reader<T>) {
    let shared = Arc::new(Shared { slots, bytes, held: Arc::default(), state: Mutex::default() });
    (Writer(shared.clone()), Reader(shared))
}

/// Puts entries in. Dropped, it closes the queue.
pub(super) struct Writer<T>(Arc<Shared<T>>);

/// Takes entries out. Dropped, it drops what waits.
pub(in crate::gateway) struct Reader<T>(Arc<Shared<T>>);

struct Shared<T> {
    slots: usize,
    bytes: usize,
    /// The bytes of entries that wait, or were taken and are still held.
    held: Arc<AtomicUsize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    waiting: VecDeque<Queued<T>>,
    closed: bool,
    reader: Option<Waker>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), closed: false, reader: None }
    }
}

/// An entry's share of the queue's bytes, returned when this is dropped.
pub(in crate::gateway) struct ByteShare {
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for ByteShare {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }

    fn hold(&self, bytes: usize) -> Option<ByteShare> {
        let fits = |held: usize| Some(held + bytes).filter(|held| *held <= self.bytes);
        self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(ByteShare { bytes, held: self.held.clone() })
    }

    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

impl<T> Writer<T> {
    /// Puts an entry in. Once the queue is closed, entries are dropped: nobody waits for them.
    ///
    /// # Errors
    ///
    /// There is no room for the entry, and it is returned.
    pub(super) fn push(&self, entry: T, bytes: usize) -> Result<(), T> {
        let Some(held) = self.0.hold(bytes) else { return Err(entry) };
        let mut state = self.0.state();
        if state.closed {
            return Ok(());
        }
        if self.0.slots <= state.waiting.len() {
            return Err(entry);
        }
        state.waiting.push_back((entry, held));
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(())
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Reader<T> {
    /// Waits for entries and takes up to `most` of them; none once the queue is closed and empty. Dropping the future
    /// loses nothing; one at a time may wait.
    pub(in crate::gateway) async fn take(&self, most: usize) -> Vec<Queued<T>> {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.waiting.is_empty() && !state.closed {
                match &mut state.reader {
                    Some(reader) => reader.clone_from(cx.waker()),
                    none => *none = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
            let most = most.min(state.waiting.len());
            let rest = state.waiting.split_off(most);
            Poll::Ready(std::mem::replace(&mut state.waiting, rest).into())
        })
        .await
    }

    /// Closes the queue; what waits can still be taken.
    pub(in crate::gateway) fn close(&self) {
        self.0.close();
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.0.close();
        self.0.state().waiting = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(taken: &[Queued<u32>]) -> Vec<u32> {
        taken.iter().map(|(number, _)| *number).collect()
    }

    #[tokio::test]
    async fn what_is_put_in_comes_out_in_its_order_and_so_much_at_once() {
        let (writer, reader) = queue(9, 99);
        (0..5).for_each(|number| writer.push(number, 1).unwrap());
        assert_eq!(numbers(&reader.take(3).await), [0, 1, 2]);
        writer.push(5, 1).unwrap();
        assert_eq!(numbers(&reader.take(3).await), [3, 4, 5]);
    }

    #[tokio::test]
    async fn what_is_beyond_its_slots_or_bytes_comes_back() {
        let (writer, reader) = queue(2, 10);
        writer.push(1, 6).unwrap();
        assert_eq!(writer.push(2, 5), Err(2), "eleven bytes");
        writer.push(3, 4).unwrap();
        assert_eq!(writer.push(4, 0), Err(4), "three slots");
        let taken = reader.take(9).await;
        assert_eq!(writer.push(5, 1), Err(5), "what was taken is not done with");
        drop(taken);
        writer.push(5, 10).unwrap();
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_it_has_and_then_nothing() {
        let (writer, reader) = queue(2, 10);
        writer.push(1, 1).unwrap();
        reader.close();
        writer.push(2, 1).unwrap();
        assert_eq!(numbers(&reader.take(9).await), [1]);
        assert!(reader.take(9).await.is_empty());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_by_an_entry_and_by_the_end() {
        let (writer, reader) = queue(2, 10);
        let reads = async { (numbers(&reader.take(9).await), numbers(&reader.take(9).await)) };
        let writes = async move {
            tokio::task::yield_now().await;
            writer.push(1, 1).unwrap();
            tokio::task::yield_now().await;
        };
        assert_eq!(tokio::join!(reads, writes).0, (vec![1], Vec::new()));
    }
}
