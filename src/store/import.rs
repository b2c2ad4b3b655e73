//! Imports the chat.db of the Socket.IO tutorial into a new log.
//!
//! That file has one table, `messages`, for one room, and its clients remember row ids. They can go on where they
//! were if the ids can become seqs: if they are 1, 2, 3, … without holes.

use std::{fmt, fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, types::ValueRef};

use crate::{
    chat::{
        model::{Author, Draft, Kind, MessageText, Nonce, RoomName, UnixMs},
        ports::Appended,
    },
    config,
    store::sqlite::{
        file::{database::Database, file_check::open_immutable, lock::side_file},
        write::sequencer::Sequencer,
    },
};

/// The node that stored imported messages.
const NODE: &str = "import";

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Messages that are now in the room `lobby`.
    pub messages: u64,
    /// Rows that were left out, because their content is missing or not text, or because they repeat another row.
    pub skipped: u64,
    /// Whether the seqs differ from the ids. Clients that come back with an old id then start at another message.
    pub renumbered: bool,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, skipped, renumbered } = self;
        write!(f, "imported {messages} messages into the room lobby and left out {skipped} rows; ")?;
        f.write_str(match renumbered {
            false => "each message keeps its id as its seq",
            true => "the ids had holes, so the messages have new numbers",
        })
    }
}

/// Copies the messages of the tutorial's chat.db at `seed` into the log that `settings` name, which must be absent or
/// without messages. On an error nothing is imported. The seed is only read. Its messages have no time: they get
/// `now`.
///
/// # Errors
///
/// One of the two files cannot be used.
pub fn import(settings: &config::Log, seed: &Path, now: UnixMs) -> anyhow::Result<Imported> {
    // Opened first, so that a mistyped path does not create a log.
    let seed = open_seed(seed)
        .with_context(|| format!("cannot read {} as a chat.db of the Socket.IO tutorial", seed.display()))?;
    let database = Database::open_or_create(settings)?;
    let _guard = database.writer_lock()?.acquire()?;
    let mut connection = database.writer()?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if transaction.query_row("SELECT EXISTS (SELECT 1 FROM room)", [], |row| row.get(0))? {
        bail!("{} has messages already: point log.url at a new file", settings.url);
    }
    let imported = copy(&seed, &transaction, now)?;
    transaction
        .commit()
        .context("the commit failed: check whether the log has messages before you try again")?;
    Ok(imported)
}

fn copy(seed: &Connection, transaction: &Connection, now: UnixMs) -> anyhow::Result<Imported> {
    let mut imported = Imported::default();
    let mut sequencer = Sequencer::new(transaction)?;
    let mut select = seed.prepare("SELECT id, client_offset, content FROM messages ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let offset = text(row.get_ref(1)?);
        let Some(content) = text(row.get_ref(2)?) else {
            imported.skipped += 1;
            continue;
        };
        match sequencer.append(&draft(offset.as_deref(), content, now)?)? {
            Appended::Stored(receipt) => {
                imported.messages += 1;
                imported.renumbered |= i64::try_from(receipt.seq.0) != Ok(id);
            }
            // A table without the tutorial's UNIQUE may hold a message twice.
            Appended::Known(_) | Appended::Conflict => imported.skipped += 1,
        }
    }
    sequencer.finish()?;
    Ok(imported)
}

/// The draft for a row. It has the nonce that the client's message would get today, so that a client's retry is
/// recognised.
fn draft(offset: Option<&str>, content: String, now: UnixMs) -> anyhow::Result<Draft> {
    Ok(Draft {
        room: RoomName::lobby(),
        kind: Kind::Text,
        target: None,
        author: Author::anonymous(),
        nonce: offset.map(|offset| Nonce::of_tutorial(offset, &content)),
        // Unchecked: today's limits are for new messages.
        text: MessageText::from_log(content),
        at: now,
        node: NODE.parse()?,
        trace: None,
    })
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

/// Opens the seed without changing it or its side files, whether its server still runs or not.
fn open_seed(path: &Path) -> anyhow::Result<Connection> {
    let is_empty = |suffix| side_file(path, suffix).metadata().map_or(true, |metadata| metadata.len() == 0);
    // Reading a database in WAL mode creates side files, unless it is opened as immutable. Without a WAL nobody is
    // writing it.
    let connection = if is_empty("-wal") && is_empty("-journal") && is_in_wal_mode(path)? {
        open_immutable(path)?
    } else {
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?
    };
    connection
        .prepare("SELECT id, client_offset, content FROM messages")
        .context("it needs a table messages with id, client_offset and content")?;
    Ok(connection)
}

/// Whether the header says so: byte 18 is the format version that a writer needs.
fn is_in_wal_mode(path: &Path) -> anyhow::Result<bool> {
    let mut header = [0; 19];
    // SQLite refuses a file that is too short.
    let is_read = File::open(path)?.read_exact(&mut header).is_ok();
    Ok(is_read && header[18] == 2)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::{
        chat::{
            model::{Message, Seq},
            ports::MessageLog as _,
        },
        store::{
            contract::log::{append, line, read},
            sqlite::testing::Fixture,
        },
    };

    const NOW: UnixMs = UnixMs(1_700_000_000_000);

    /// A seed in `mode` with these rows, and the connection that made it.
    fn seed(fixture: &Fixture, mode: &str, rows: &str) -> (std::path::PathBuf, Connection) {
        let folder = fixture.folder.path().join("seed");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("chat.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", mode).unwrap();
        let table = "CREATE TABLE messages
            (id INTEGER PRIMARY KEY AUTOINCREMENT, client_offset TEXT UNIQUE, content TEXT)";
        connection.execute_batch(&format!("{table}; INSERT INTO messages VALUES {rows}")).unwrap();
        (path, connection)
    }

    fn files(path: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
        let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        // The WAL index is shared memory: its users change it.
        let kept = entries.filter(|path| !path.to_string_lossy().ends_with("-shm"));
        kept.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    #[tokio::test]
    async fn a_seed_goes_on_as_the_lobby() {
        let fixture = Fixture::new();
        let (path, _open) =
            seed(&fixture, "delete", "(1, 'abc-0', 'hello'), (2, NULL, ''), (3, 'abc-1', 'ünï')");
        let before = files(&path);
        let imported = import(&fixture.settings, &path, NOW).unwrap();
        assert_eq!(imported, Imported { messages: 3, skipped: 0, renumbered: false });
        assert_eq!(files(&path), before);

        let log = fixture.open();
        let messages = log.read(&RoomName::lobby(), Seq::ZERO, 10).await.unwrap();
        assert_eq!(line(&messages), "1:hello 2: 3:ünï");
        let first = draft(Some("abc-0"), "hello".to_owned(), NOW).unwrap();
        assert_eq!(*messages[0], Message { seq: Seq(1), draft: first.clone() });
        assert_eq!(append(&*log, vec![first]).await, "=1", "a client's retry is recognised");
    }

    #[test]
    fn a_seed_in_wal_mode_is_read_and_untouched() {
        let fixture = Fixture::new();
        let (path, open) = seed(&fixture, "wal", "(1, 'a', 'x'), (2, 'b', 'y')");
        let before = files(&path);
        let result = Imported { messages: 2, skipped: 0, renumbered: false };
        assert_eq!(import(&fixture.settings, &path, NOW).unwrap(), result, "while its server runs");
        assert_eq!(files(&path), before);

        open.close().unwrap();
        let (before, other) = (files(&path), Fixture::new());
        assert_eq!(before.len(), 1);
        assert_eq!(import(&other.settings, &path, NOW).unwrap(), result, "when it was stopped");
        assert_eq!(files(&path), before);
    }

    #[tokio::test]
    async fn holes_and_rows_without_text_are_said() {
        let fixture = Fixture::new();
        let (path, _open) =
            seed(&fixture, "delete", "(2, 'a', 'x'), (3, 'b', NULL), (5, 'c', x'00'), (9, 'd', 'y')");
        let imported = import(&fixture.settings, &path, NOW).unwrap();
        assert_eq!(imported, Imported { messages: 2, skipped: 2, renumbered: true });
        assert_eq!(read(&*fixture.open(), "lobby", 0, 10).await, "1:x 2:y");
    }

    #[test]
    fn only_a_new_log_is_imported_into() {
        let fixture = Fixture::new();
        let (path, _open) = seed(&fixture, "delete", "(1, 'a', 'x')");
        fixture.database();
        import(&fixture.settings, &path, NOW).unwrap();
        let again = import(&fixture.settings, &path, NOW).unwrap_err();
        assert!(again.to_string().contains("has messages already"), "{again}");

        let mut itself = fixture.settings.clone();
        itself.url = format!("sqlite://{}", path.display());
        assert!(import(&itself, &path, NOW).unwrap_err().to_string().contains("another program"));
    }

    #[test]
    fn what_is_no_seed_makes_no_log() {
        let fixture = Fixture::new();
        let absent = fixture.folder.path().join("absent.db");
        assert!(import(&fixture.settings, &absent, NOW).is_err());
        let other = fixture.folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE messages (id, text)").unwrap();
        assert!(import(&fixture.settings, &other, NOW).is_err());
        assert!(!absent.exists() && !fixture.path().exists());
    }
}
