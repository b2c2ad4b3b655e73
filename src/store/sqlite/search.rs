//! Finds messages by their words: an index that the janitor fills, and a look at what is not in it yet.
//!
//! Neither is trusted about what a message says now: each that may be found is read, with its newest
//! text, and must have the words.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::place::{MESSAGE_COLUMNS, from_sql, message, to_sql};
use crate::{
    chat::{
        ports::Found,
        search::{SearchQuery, words},
        types::{Kind, Message, MessageText, RoomName, Seq},
    },
    store::page::Page,
};

/// So many of a room's messages that are not indexed yet are looked at, the newest: some seconds' worth.
/// What lies between these and the index is found once the janitor has come so far.
const SCAN_ROWS_MAX: usize = 5_000;

/// Messages that one step of the janitor indexes,
const STEP_ROWS_MAX: u64 = 250;

/// or so much text: a step holds the lock for some milliseconds.
const STEP_BYTES_MAX: usize = 64 * 1024;

/// Rows that one step takes out of the index.
const STEP_GONE_MAX: u64 = 500;

/// Ordinary messages of a room before a place that a query finds, newest first.
pub(super) fn search(
    connection: &Connection,
    room: &RoomName,
    query: &SearchQuery,
    before: Seq,
    limit: usize,
) -> anyhow::Result<Found> {
    // One view for all questions.
    let view = connection.unchecked_transaction()?;
    let mut find = view.prepare_cached("SELECT id FROM room WHERE name = ?1")?;
    let Some(id) = find.query_row([room.as_str()], |row| row.get(0)).optional()? else {
        return Ok(Found::default());
    };
    let room = Room { view: &view, id, name: room };
    let mut fresh = room.not_indexed(before)?;
    let mut find = view.prepare_cached(
        "SELECT message.seq FROM search CROSS JOIN message ON message.position = search.rowid
         WHERE search MATCH ?1 AND search.rowid <=
             (SELECT position FROM message WHERE room_id = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1)
         ORDER BY search.rowid DESC",
    )?;
    let mut rows = find.query(params![expression(id, query), id, to_sql(before.0)])?;
    let mut indexed = next(&mut rows)?;

    let mut page = Page::new(limit);
    // Both descend; what is in both is looked at once.
    while let Some(seq) = fresh.last().copied().max(indexed) {
        fresh.remove(&seq);
        if indexed == Some(seq) {
            indexed = next(&mut rows)?;
        }
        let Some(message) = room.current(seq)?.filter(|found| query.finds(found.draft.text.as_str())) else {
            continue;
        };
        if page.is_full() {
            return Ok(Found { messages: page.in_order(), more: true });
        }
        page.push(Arc::new(message));
    }
    Ok(Found { messages: page.in_order(), more: false })
}

fn next(rows: &mut rusqlite::Rows<'_>) -> anyhow::Result<Option<Seq>> {
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map(|seq| Seq(from_sql(seq))))
}

/// Of a room all words, each as a beginning. They are letters and digits: nothing has to be escaped.
fn expression(room: i64, query: &SearchQuery) -> String {
    let words = query.words().map(|word| format!(" AND \"{word}\" *"));
    std::iter::once(format!("\"{}\"", room_word(room))).chain(words).collect()
}

fn room_word(room: i64) -> String {
    format!("_{room}")
}

/// A room in one view of the log.
struct Room<'v> {
    view: &'v Connection,
    id: i64,
    name: &'v RoomName,
}

impl Room<'_> {
    /// The ordinary messages before a place about which there is something that is not indexed.
    fn not_indexed(&self, before: Seq) -> anyhow::Result<BTreeSet<Seq>> {
        let mark = watermark(self.view)?;
        let mut find = self.view.prepare_cached(
            "SELECT position, seq, of FROM message WHERE room_id = ?1 ORDER BY seq DESC LIMIT ?2",
        )?;
        let mut rows = find.query(params![self.id, to_sql(SCAN_ROWS_MAX as u64)])?;
        let mut targets = BTreeSet::new();
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? <= mark {
                break;
            }
            let of: Option<i64> = row.get(2)?;
            targets.insert(Seq(from_sql(of.map_or_else(|| row.get(1), Ok)?)));
        }
        targets.retain(|seq| *seq < before);
        Ok(targets)
    }

    /// An ordinary message with what it says now; `None` if there is none, or it was deleted.
    fn current(&self, seq: Seq) -> anyhow::Result<Option<Message>> {
        let sql = format!(
            "SELECT {MESSAGE_COLUMNS} FROM message WHERE room_id = ?1 AND seq = ?2 AND kind = 'text'"
        );
        let mut find = self.view.prepare_cached(&sql)?;
        let mut rows = find.query(params![self.id, to_sql(seq.0)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut found = message(self.name, row).context("the log holds what is no message")?;
        match change(self.view, self.id, seq, found.draft.author.id.as_str())? {
            Some(Change::Deleted) => Ok(None),
            Some(Change::Edited(text)) => {
                found.draft.text = MessageText::from_log(text);
                Ok(Some(found))
            }
            None => Ok(Some(found)),
        }
    }
}

/// What became of a message's text.
enum Change {
    Edited(String),
    Deleted,
}

/// What its author made of a message's text: a deletion is final, and else the newest edit counts.
fn change(log: &Connection, room: i64, seq: Seq, author: &str) -> rusqlite::Result<Option<Change>> {
    let mut find = log.prepare_cached(
        "SELECT kind, text FROM message INDEXED BY message_change
         WHERE room_id = ?1 AND of = ?2 AND kind IN ('edit', 'delete') AND author_id = ?3
         ORDER BY kind, seq DESC LIMIT 1",
    )?;
    let changed = |row: &Row<'_>| {
        let is_deleted = row.get_ref(0)?.as_str()? == Kind::DELETE;
        Ok(if is_deleted { Change::Deleted } else { Change::Edited(row.get(1)?) })
    };
    find.query_row(params![room, to_sql(seq.0), author], changed).optional()
}

/// Up to where the log is indexed.
fn watermark(log: &Connection) -> rusqlite::Result<i64> {
    let mut find = log.prepare_cached("SELECT value FROM meta WHERE key = 'search'")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Whether there is something to index.
pub(super) fn is_behind(log: &Connection) -> rusqlite::Result<bool> {
    log.prepare_cached("SELECT 1 FROM message WHERE ?1 < position LIMIT 1")?.exists([watermark(log)?])
}

/// Indexes what comes next.
pub(super) fn index(log: &Connection) -> rusqlite::Result<()> {
    let (mut mark, mut bytes) = (watermark(log)?, 0);
    let mut find = log.prepare_cached(
        "SELECT position, room_id, kind, of, text FROM message WHERE ?1 < position ORDER BY position LIMIT ?2",
    )?;
    let mut rows = find.query(params![mark, to_sql(STEP_ROWS_MAX)])?;
    while bytes < STEP_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let (position, room, kind) = (row.get(0)?, row.get(1)?, row.get_ref(2)?.as_str()?);
        let text = row.get_ref(4)?.as_str()?;
        match (kind, row.get::<_, Option<i64>>(3)?) {
            (Kind::TEXT, _) => put(log, position, room, text)?,
            (Kind::EDIT | Kind::DELETE, Some(of)) => index_anew(log, room, of)?,
            _ => {}
        }
        (mark, bytes) = (position, bytes + text.len());
    }
    let mut set = log.prepare_cached(
        "INSERT INTO meta (key, value) VALUES ('search', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
    )?;
    set.execute([mark])?;
    Ok(())
}

/// Indexes what a message says now in place of what it said before.
fn index_anew(log: &Connection, room: i64, seq: i64) -> rusqlite::Result<()> {
    let mut find = log.prepare_cached(
        "SELECT position, author_id, text FROM message WHERE room_id = ?1 AND seq = ?2 AND kind = 'text'",
    )?;
    let target = find.query_row([room, seq], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    });
    // It was pruned, or is no ordinary message.
    let Some((position, author, text)) = target.optional()? else { return Ok(()) };
    log.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([position])?;
    match change(log, room, Seq(from_sql(seq)), &author)? {
        Some(Change::Deleted) => Ok(()),
        Some(Change::Edited(text)) => put(log, position, room, &text),
        None => put(log, position, room, &text),
    }
}

fn put(log: &Connection, position: i64, room: i64, text: &str) -> rusqlite::Result<()> {
    // Each word once: how often a text has it says nothing here.
    let words: BTreeSet<_> = words(text).chain([room_word(room)]).collect();
    let words = words.into_iter().collect::<Vec<_>>().join(" ");
    let mut insert = log.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    insert.execute(params![position, words])?;
    Ok(())
}

/// The first position that is there.
const OLDEST: &str =
    "(SELECT COALESCE(MIN(position), (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'message'))
     FROM message)";

/// Whether messages are indexed that were pruned, by whichever node.
pub(super) fn has_gone(log: &Connection) -> rusqlite::Result<bool> {
    let sql = format!("SELECT 1 FROM search_docsize WHERE id < {OLDEST} LIMIT 1");
    log.prepare_cached(&sql)?.exists([])
}

/// Takes some of them out of the index.
pub(super) fn forget_gone(log: &Connection) -> rusqlite::Result<()> {
    let sql = format!(
        "DELETE FROM search WHERE rowid IN (SELECT id FROM search_docsize WHERE id < {OLDEST} ORDER BY id LIMIT ?1)"
    );
    log.prepare_cached(&sql)?.execute([to_sql(STEP_GONE_MAX)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::{
        chat::ports::MessageLog as _,
        store::{
            amendment_contract::amend,
            contract::{append, draft},
            sqlite::{janitor::Janitor, tests::Fixture},
        },
    };

    fn round(fixture: &Fixture) {
        let (_runs, stop) = mpsc::channel();
        let mut janitor = Janitor::new(fixture.database(), fixture.clock.clone(), &fixture.settings).unwrap();
        while !janitor.round(&stop).unwrap() {}
    }

    fn ask(fixture: &Fixture, question: &str) -> i64 {
        fixture.connection().query_row(question, [], |row| row.get(0)).unwrap()
    }

    /// The seqs in the index that have a word, whatever is said there now.
    fn hits(fixture: &Fixture, word: &str) -> Vec<i64> {
        let connection = fixture.connection();
        let sql = "SELECT rowid FROM search WHERE search MATCH ?1 ORDER BY rowid";
        let mut find = connection.prepare(sql).unwrap();
        find.query_map([word], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[tokio::test]
    async fn an_edit_takes_the_old_words_out_of_the_index_and_a_deletion_all() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, vec![draft("", "one"), draft("", "two")]).await;
        round(&fixture);
        assert_eq!(
            (hits(&fixture, "one"), hits(&fixture, "two"), hits(&fixture, "_1")),
            (vec![1], vec![2], vec![1, 2])
        );
        append(&*log, vec![amend("edit", 1, "uno"), amend("delete", 2, ""), amend("edit", 9, "nothing")])
            .await;
        round(&fixture);
        assert_eq!(
            (hits(&fixture, "one"), hits(&fixture, "uno"), hits(&fixture, "_1")),
            (vec![], vec![1], vec![1])
        );
        assert_eq!(ask(&fixture, "SELECT value FROM meta WHERE key = 'search'"), 5);
    }

    #[tokio::test]
    async fn pruned_messages_leave_the_index_also_if_a_node_pruned_that_knows_of_none() {
        let mut fixture = Fixture::new();
        fixture.settings.retention = Duration::from_secs(3_600);
        let log = fixture.open();
        append(&*log, (0..STEP_GONE_MAX + 3).map(|n| draft("", &format!("n{n}"))).collect()).await;
        round(&fixture);
        fixture.connection().execute("DELETE FROM message WHERE position <= 2", []).unwrap();
        round(&fixture);
        assert_eq!(ask(&fixture, "SELECT MIN(id) FROM search_docsize"), 3);
        fixture.clock.set_after(Duration::from_secs(7_200));
        round(&fixture);
        assert_eq!(ask(&fixture, "SELECT COUNT(*) FROM search_docsize"), 0);
        assert_eq!(hits(&fixture, "n7"), [] as [i64; 0]);
    }

    #[tokio::test]
    async fn a_backlog_is_indexed_in_steps() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, (0..STEP_ROWS_MAX + 1).map(|_| draft("", "x")).collect()).await;
        let connection = fixture.connection();
        index(&connection).unwrap();
        assert_eq!(watermark(&connection).unwrap(), to_sql(STEP_ROWS_MAX));
        let long = "word ".repeat(STEP_BYTES_MAX / 5 + 1);
        append(&*log, vec![draft("", &long), draft("", &long)]).await;
        index(&connection).unwrap();
        assert_eq!(watermark(&connection).unwrap(), to_sql(STEP_ROWS_MAX) + 2, "so much text is a step's");
        assert!(is_behind(&connection).unwrap());
        index(&connection).unwrap();
        assert!(!is_behind(&connection).unwrap());
    }

    #[tokio::test]
    async fn a_backup_has_the_index() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, vec![draft("", "one"), draft("", "two")]).await;
        round(&fixture);
        let file = fixture.folder.path().join("copy.db");
        crate::store::sqlite::backup(&fixture.settings, &file).unwrap();
        let copy = Connection::open(file).unwrap();
        let found = |word: &str| -> Option<i64> {
            let sql = "SELECT rowid FROM search WHERE search MATCH ?1";
            copy.query_row(sql, [word], |row| row.get(0)).optional().unwrap()
        };
        assert_eq!((found("two"), found("three")), (Some(2), None));
        assert_eq!(watermark(&copy).unwrap(), 2);
    }

    #[tokio::test]
    async fn of_a_long_backlog_the_newest_are_found_at_once() {
        let fixture = Fixture::new();
        let _turn = fixture.database().janitor_lock().unwrap().wait().unwrap();
        let log = fixture.open();
        append(&*log, vec![draft("", "needle")]).await;
        for _ in 0..SCAN_ROWS_MAX / 500 {
            append(&*log, (0..500).map(|_| draft("", "hay")).collect()).await;
        }
        let found = async |query: &str| {
            let found = log.search(&RoomName::lobby(), &query.parse().unwrap(), Seq(u64::MAX), 2).await;
            found.unwrap().messages.len()
        };
        assert_eq!((found("hay").await, found("needle").await), (2, 0));
        let connection = fixture.connection();
        while is_behind(&connection).unwrap() {
            index(&connection).unwrap();
        }
        assert_eq!(found("needle").await, 1);
    }
}
