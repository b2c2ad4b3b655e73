//! What a failed transaction means to those whose runs were in it.

use anyhow::anyhow;
use rusqlite::ErrorCode;

use crate::chat::ports::AppendError;

/// Why a transaction was not, or not surely, done.
pub(crate) struct Failure {
    pub(crate) cause: anyhow::Error,
    pub(crate) extent: FailureExtent,
}

/// How much is known of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureExtent {
    /// Nothing is stored, and one run alone may be to blame.
    OneRun,
    /// Nothing is stored.
    Batch,
    /// Whether it is stored is not known.
    Unknown,
}

impl Failure {
    /// It was not begun.
    pub(crate) fn to_begin(cause: anyhow::Error) -> Self {
        Self { cause, extent: FailureExtent::Batch }
    }

    /// It failed before its commit was asked for: whatever the error (a full disk, a file that
    /// cannot be read or written or is damaged, a lock), no commit frame was written.
    pub(crate) fn before_commit(error: rusqlite::Error) -> Self {
        let extent = match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => FailureExtent::OneRun,
            _ => FailureExtent::Batch,
        };
        Self { cause: error.into(), extent }
    }

    /// It failed in its commit.
    ///
    /// A disk that is full is told by the write of a frame, and the frame that commits is the last
    /// to be written; a lock is asked for before the first. Of any other error it is not known, as when
    /// an fsync failed or the index had no room: the frame may be found again after a crash.
    pub(crate) fn in_commit(error: rusqlite::Error, is_rolled_back: bool) -> Self {
        let extent = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) if is_rolled_back => FailureExtent::Batch,
            _ => FailureExtent::Unknown,
        };
        Self { cause: error.into(), extent }
    }

    /// The error for one of the callers; each gets its own.
    pub(crate) fn to_error(&self) -> AppendError {
        let cause = anyhow!("{:#}", self.cause);
        match self.extent {
            FailureExtent::OneRun | FailureExtent::Batch => AppendError::Unavailable(cause),
            FailureExtent::Unknown => AppendError::Unknown(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn error(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn each_error_of_the_database_says_what_is_known_of_a_run() {
        use FailureExtent::{Batch, OneRun, Unknown};
        for (code, before, rolled_back, open) in [
            (ffi::SQLITE_FULL, Batch, Batch, Unknown),
            (ffi::SQLITE_BUSY, Batch, Batch, Unknown),
            (ffi::SQLITE_BUSY_SNAPSHOT, Batch, Batch, Unknown),
            (ffi::SQLITE_IOERR_WRITE, Batch, Unknown, Unknown),
            (ffi::SQLITE_IOERR_FSYNC, Batch, Unknown, Unknown),
            (ffi::SQLITE_IOERR_SHMSIZE, Batch, Unknown, Unknown),
            (ffi::SQLITE_READONLY, Batch, Unknown, Unknown),
            (ffi::SQLITE_CORRUPT, Batch, Unknown, Unknown),
            (ffi::SQLITE_NOMEM, Batch, Unknown, Unknown),
            (ffi::SQLITE_CONSTRAINT_UNIQUE, OneRun, Unknown, Unknown),
        ] {
            assert_eq!(Failure::before_commit(error(code)).extent, before, "{code} before the commit");
            assert_eq!(Failure::in_commit(error(code), true).extent, rolled_back, "{code}, rolled back");
            assert_eq!(Failure::in_commit(error(code), false).extent, open, "{code}, not rolled back");
        }
    }

    #[test]
    fn only_what_is_surely_not_stored_is_refused_as_such() {
        let told = |extent| Failure { cause: anyhow!("x"), extent }.to_error();
        assert!(matches!(told(FailureExtent::OneRun), AppendError::Unavailable(_)));
        assert!(matches!(told(FailureExtent::Batch), AppendError::Unavailable(_)));
        assert!(matches!(told(FailureExtent::Unknown), AppendError::Unknown(_)));
    }
}
