//! A lock that outlives a panic: all of the crate takes its mutexes here.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also behind a panic: every section leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
