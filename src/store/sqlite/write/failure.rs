//! Why a transaction failed, and what that says about the batches in it.

use anyhow::anyhow;
use rusqlite::ErrorCode;

use crate::chat::ports::AppendError;

pub(crate) struct Failure {
    pub(crate) cause: anyhow::Error,
    pub(crate) extent: FailureExtent,
}

/// What a failed transaction has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureExtent {
    /// Nothing. One batch alone may be to blame.
    OneBatch,
    /// Nothing.
    Group,
    /// It is not known whether the group was stored.
    Unknown,
}

impl Failure {
    /// The transaction did not begin.
    pub(crate) fn to_begin(cause: anyhow::Error) -> Self {
        Self { cause, extent: FailureExtent::Group }
    }

    /// The transaction failed before its commit. Whatever the error, no commit frame was written.
    pub(crate) fn before_commit(error: rusqlite::Error) -> Self {
        let extent = match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => FailureExtent::OneBatch,
            _ => FailureExtent::Group,
        };
        Self { cause: error.into(), extent }
    }

    /// The commit failed.
    ///
    /// A full disk fails the write of a frame, and the commit frame is written last; SQLite takes its lock before the
    /// first frame. After these two errors nothing is stored. After any other, such as a failed fsync or a WAL index
    /// without space, a recovery may still find the commit frame.
    pub(crate) fn in_commit(error: rusqlite::Error, is_rolled_back: bool) -> Self {
        let extent = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) if is_rolled_back => FailureExtent::Group,
            _ => FailureExtent::Unknown,
        };
        Self { cause: error.into(), extent }
    }

    /// The error for one of the callers.
    pub(crate) fn to_error(&self) -> AppendError {
        let cause = anyhow!("{:#}", self.cause);
        match self.extent {
            FailureExtent::OneBatch | FailureExtent::Group => AppendError::Unavailable(cause),
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
    fn each_error_of_the_database_says_what_is_known_of_a_batch() {
        use FailureExtent::{Group, OneBatch, Unknown};
        for (code, before, rolled_back, open) in [
            (ffi::SQLITE_FULL, Group, Group, Unknown),
            (ffi::SQLITE_BUSY, Group, Group, Unknown),
            (ffi::SQLITE_BUSY_SNAPSHOT, Group, Group, Unknown),
            (ffi::SQLITE_IOERR_WRITE, Group, Unknown, Unknown),
            (ffi::SQLITE_IOERR_FSYNC, Group, Unknown, Unknown),
            (ffi::SQLITE_IOERR_SHMSIZE, Group, Unknown, Unknown),
            (ffi::SQLITE_READONLY, Group, Unknown, Unknown),
            (ffi::SQLITE_CORRUPT, Group, Unknown, Unknown),
            (ffi::SQLITE_NOMEM, Group, Unknown, Unknown),
            (ffi::SQLITE_CONSTRAINT_UNIQUE, OneBatch, Unknown, Unknown),
        ] {
            assert_eq!(Failure::before_commit(error(code)).extent, before, "{code} before the commit");
            assert_eq!(Failure::in_commit(error(code), true).extent, rolled_back, "{code}, rolled back");
            assert_eq!(Failure::in_commit(error(code), false).extent, open, "{code}, not rolled back");
        }
    }

    #[test]
    fn only_what_is_surely_not_stored_is_refused_as_such() {
        let error = |extent| Failure { cause: anyhow!("x"), extent }.to_error();
        assert!(matches!(error(FailureExtent::OneBatch), AppendError::Unavailable(_)));
        assert!(matches!(error(FailureExtent::Group), AppendError::Unavailable(_)));
        assert!(matches!(error(FailureExtent::Unknown), AppendError::Unknown(_)));
    }
}
