//! Locks that ignore poisoning, for all mutexes of the crate.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex even if its holder panicked: every critical section leaves its data consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
