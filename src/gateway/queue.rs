//! One socket's bounded queue, which takes no memory while nothing waits in it.
//!
//! Most sockets say nothing most of the time. The runtime's own channel keeps room for 32 entries
//! from its first moment on, which for our events is more than all else that we keep of an idle socket.

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

/// An entry, and its part of the bytes that may wait; that is free again when this is dropped.
pub(super) type Waiting<T> = (T, Held);

/// A queue for so many entries, which hold so many bytes in all.
pub(super) fn queue<T>(places: usize, bytes: usize) -> (Writer<T>, Reader<T>) {
    let shared = Arc::new(Shared { places, bytes, held: Arc::default(), state: Mutex::default() });
    (Writer(shared.clone()), Reader(shared))
}

/// Puts entries in; the queue is closed when this is dropped.
pub(super) struct Writer<T>(Arc<Shared<T>>);

/// Takes entries out; what waits when this is dropped is dropped with it.
pub(super) struct Reader<T>(Arc<Shared<T>>);

struct Shared<T> {
    places: usize,
    bytes: usize,
    /// Bytes of what waits, and of what was taken and is not done with.
    held: Arc<AtomicUsize>,
    state: Mutex<State<T>>,
}

struct State<T> {
    waiting: VecDeque<Waiting<T>>,
    closed: bool,
    reader: Option<Waker>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), closed: false, reader: None }
    }
}

/// Bytes of a queue.
pub(super) struct Held {
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        lock(&self.state)
    }

    fn hold(&self, bytes: usize) -> Option<Held> {
        let fits = |held: usize| Some(held + bytes).filter(|held| *held <= self.bytes);
        self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Held { bytes, held: self.held.clone() })
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
    /// Puts an entry in. What comes after the queue was closed is dropped: nobody waits for it.
    ///
    /// # Errors
    ///
    /// There is no room for it, and the caller has it back.
    pub(super) fn push(&self, entry: T, bytes: usize) -> Result<(), T> {
        let Some(held) = self.0.hold(bytes) else { return Err(entry) };
        let mut state = self.0.state();
        if state.closed {
            return Ok(());
        }
        if self.0.places <= state.waiting.len() {
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
    /// Waits for entries and takes up to `most` of them; none once the queue is closed and empty.
    /// Nothing is lost if this is dropped before it is done; one at a time may wait.
    pub(super) async fn take(&self, most: usize) -> Vec<Waiting<T>> {
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

    /// Takes nothing more in.
    pub(super) fn close(&self) {
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

    fn numbers(taken: &[Waiting<u32>]) -> Vec<u32> {
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
    async fn what_is_beyond_its_places_or_bytes_comes_back() {
        let (writer, reader) = queue(2, 10);
        writer.push(1, 6).unwrap();
        assert_eq!(writer.push(2, 5), Err(2), "eleven bytes");
        writer.push(3, 4).unwrap();
        assert_eq!(writer.push(4, 0), Err(4), "three places");
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
