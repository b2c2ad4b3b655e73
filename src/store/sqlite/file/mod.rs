//! The log's file: checked, created, migrated, locked and opened.

pub(crate) mod database;
pub(crate) mod file_check;
pub(crate) mod filesystem;
pub(crate) mod lock;
pub(crate) mod schema;
