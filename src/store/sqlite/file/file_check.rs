//! Recognises a log before anything opens it for writing.

use std::path::Path;

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OpenFlags};

use crate::store::sqlite::file::schema::{APPLICATION_ID, refuse_newer};

/// Refuses a file that is not a log of this program or an older one. An absent or empty file is accepted: a log can
/// be created there.
///
/// It reads without locks and without the WAL, so that not even a side file of another program's database changes.
/// That is enough: a log gets its application id before anything else, and before it has a WAL.
///
/// # Errors
///
/// Says what the file is, and what to do.
pub(crate) fn refuse_foreign(path: &Path) -> anyhow::Result<()> {
    // Not through `std::fs::File`: closing it would drop the locks that SQLite holds on the file in this process.
    match path.metadata() {
        Ok(metadata) if metadata.len() == 0 => return Ok(()),
        Ok(metadata) if !metadata.is_file() => {
            bail!("{} is not a file: point log.url at one", path.display())
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }

    let connection = open_immutable(path).with_context(|| format!("cannot read {}", path.display()))?;
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .with_context(|| format!("{} is not a SQLite database; it was left untouched", path.display()))?;
    if application != APPLICATION_ID {
        let hint = if is_seed(&connection)? {
            "it looks like the chat.db of the Socket.IO tutorial: \
             point log.url at a new file and run `chorus import`"
        } else {
            "point log.url at a new file (`chorus import` takes over a chat.db of the Socket.IO tutorial)"
        };
        bail!("{} is a database of another program and was left untouched; {hint}", path.display());
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    refuse_newer(version).with_context(|| format!("cannot use {} as the log", path.display()))
}

/// Whether a database has the one table of the Socket.IO tutorial, as its source creates it.
fn is_seed(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT COUNT(*) = 3 FROM pragma_table_info('messages')
        WHERE (name = 'id' AND pk = 1) OR name = 'client_offset' OR name = 'content'";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Opens a file without locks, WAL or side files. The caller must know that nobody writes what it reads.
pub(crate) fn open_immutable(path: &Path) -> anyhow::Result<Connection> {
    let path = path.to_str().context("the path is not UTF-8")?;
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
    // After a crash in a checkpoint the header may count pages that are still in the WAL only. This makes SQLite read
    // the rest; nothing can be written here.
    connection.pragma_update(None, "writable_schema", true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::store::sqlite::{
        file::{database::Database, schema::VERSION},
        testing::Fixture,
    };

    const SEED: &str = "CREATE TABLE messages
        (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT UNIQUE, content TEXT)";

    /// Expects that the fixture's file is refused and that no file in its folder changes.
    fn refused(fixture: &Fixture) -> String {
        let folder = fixture.path().parent().unwrap().to_owned();
        let files = || -> BTreeMap<_, _> {
            let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
        };
        let before = files();
        let error = Database::open_or_create(&fixture.settings).err().expect("it is refused");
        assert_eq!(files(), before);
        format!("{error:#}")
    }

    fn foreign() -> Fixture {
        let fixture = Fixture::new();
        fs::create_dir(fixture.path().parent().unwrap()).unwrap();
        fixture
    }

    #[test]
    fn a_seed_is_refused_and_the_way_out_is_named() {
        for mode in ["delete", "wal"] {
            let fixture = foreign();
            let connection = fixture.connection();
            connection.pragma_update(None, "journal_mode", mode).unwrap();
            connection.execute_batch(SEED).unwrap();
            connection.close().unwrap();
            let error = refused(&fixture);
            assert!(error.contains("looks like") && error.contains("chorus import"), "{error}");
        }
    }

    #[test]
    fn a_seed_in_use_is_refused() {
        let fixture = foreign();
        let connection = fixture.connection();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch(SEED).unwrap();
        assert!(refused(&fixture).contains("chorus import"), "its table is in the WAL only");
    }

    #[test]
    fn other_files_are_refused() {
        let fixture = foreign();
        fixture.connection().execute_batch("CREATE TABLE mine (x)").unwrap();
        assert!(refused(&fixture).contains("another program"));

        let fixture = foreign();
        fixture.connection().execute_batch("PRAGMA application_id = 7").unwrap();
        assert!(refused(&fixture).contains("another program"));

        let fixture = foreign();
        fs::write(fixture.path(), "text ".repeat(1_000)).unwrap();
        assert!(refused(&fixture).contains("not a SQLite database"));

        let fixture = foreign();
        fs::create_dir(fixture.path()).unwrap();
        assert!(
            format!("{:#}", Database::open_or_create(&fixture.settings).err().unwrap())
                .contains("not a file")
        );
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let fixture = Fixture::new();
        drop(fixture.database());
        let connection = fixture.connection();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        let error = Database::open_or_create(&fixture.settings).err().unwrap();
        assert!(format!("{error:#}").contains("use a newer one"), "{error:#}");
        connection.close().unwrap();
        assert!(refused(&fixture).contains("use a newer one"));
    }

    #[test]
    fn an_empty_file_becomes_a_log() {
        let fixture = foreign();
        fs::write(fixture.path(), "").unwrap();
        fixture.database();
        refuse_foreign(&fixture.path()).unwrap();
    }

    #[test]
    fn a_log_whose_header_promises_pages_of_its_wal_is_recognized() {
        let fixture = Fixture::new();
        drop(fixture.database());
        let file = fs::File::options().write(true).open(fixture.path()).unwrap();
        file.set_len(file.metadata().unwrap().len() - 4_096).unwrap();
        refuse_foreign(&fixture.path()).unwrap();
    }

    #[test]
    fn a_path_may_look_like_a_uri() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a?b#c%20.db");
        Connection::open(&path).unwrap().execute_batch(SEED).unwrap();
        assert!(refuse_foreign(&path).unwrap_err().to_string().contains("looks like"));
    }
}
