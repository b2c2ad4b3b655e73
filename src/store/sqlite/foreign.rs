//! Tells a log from any other file before anything touches it.

use std::path::Path;

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OpenFlags};

use super::schema::{APPLICATION_ID, VERSION};

/// Refuses a file that is not a log this program knows. A file that is absent
/// or empty passes: a log can be made of it.
///
/// It looks without locks and without the WAL, so that not even a side file of
/// a foreign database changes. That is enough: a log gets its mark before
/// anything else, and before it has a WAL.
///
/// # Errors
///
/// Says what the file is, and what to do.
pub(super) fn refuse(path: &Path) -> anyhow::Result<()> {
    // Never through `std::fs::File`: closing it would drop the locks that
    // SQLite holds on the same file for this process.
    match path.metadata() {
        Ok(metadata) if metadata.len() == 0 => return Ok(()),
        Ok(metadata) if !metadata.is_file() => bail!("{} is not a file", path.display()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }

    let connection = look_at(path).with_context(|| format!("cannot look at {}", path.display()))?;
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .with_context(|| format!("{} is not a SQLite database, left untouched", path.display()))?;
    if application != APPLICATION_ID {
        let hint = if is_seed(&connection)? {
            "it looks like the chat.db of the tutorial's server: point the log at a new file and run `chorus import`"
        } else {
            "point the log at a new file (`chorus import` takes over a chat.db of the tutorial's server)"
        };
        bail!("{} is a database of another program, left untouched; {hint}", path.display());
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    refuse_newer(version).with_context(|| format!("cannot use {}", path.display()))
}

/// Refuses a log whose schema was made by a later program.
pub(super) fn refuse_newer(version: i64) -> anyhow::Result<()> {
    if VERSION < version {
        bail!("its schema has version {version} and this program knows up to {VERSION}: use a newer one");
    }
    Ok(())
}

/// Whether a database has the one table of the tutorial's server, as its source creates it.
fn is_seed(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT COUNT(*) = 3 FROM pragma_table_info('messages')
        WHERE (name = 'id' AND pk = 1) OR name = 'client_offset' OR name = 'content'";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Opens a file as one that nobody writes: no lock, no WAL, no side file.
pub(crate) fn look_at(path: &Path) -> anyhow::Result<Connection> {
    let path = path.to_str().context("the path is not UTF-8")?;
    // What has a meaning in a URI.
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    // After a crash in a checkpoint the header may promise pages that are still
    // in the WAL. This makes SQLite read on; nothing can be written here.
    connection.pragma_update(None, "writable_schema", true)?;
    Ok(connection)
}
