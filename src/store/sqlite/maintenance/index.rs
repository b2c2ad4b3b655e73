//! The index of words: the janitor adds new messages and removes pruned ones.
//!
//! It may lag behind the log, so that a search checks every hit against the current text.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    chat::model::{Kind, Seq, search::words},
    store::sqlite::rows::{from_sql, to_sql},
};

/// Messages that one step indexes.
const STEP_ROWS_MAX: u64 = 250;

/// Text that one step indexes, so that it holds the lock for some milliseconds only.
const STEP_BYTES_MAX: usize = 64 * 1024;

/// Rows that one step removes from the index.
const STEP_REMOVED_MAX: u64 = 500;

/// Whether there are messages after the watermark.
pub(crate) fn is_behind(log: &Connection) -> rusqlite::Result<bool> {
    log.prepare_cached("SELECT 1 FROM message WHERE ?1 < position LIMIT 1")?.exists([watermark(log)?])
}

/// Indexes the next messages and moves the watermark.
pub(crate) fn advance(log: &Connection) -> rusqlite::Result<()> {
    let (mut watermark, mut bytes) = (watermark(log)?, 0);
    let mut find = log.prepare_cached(
        "SELECT position, room_id, kind, of, text FROM message WHERE ?1 < position ORDER BY position LIMIT ?2",
    )?;
    let mut rows = find.query(params![watermark, to_sql(STEP_ROWS_MAX)])?;
    while bytes < STEP_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let (position, room) = (row.get(0)?, row.get(1)?);
        let kind = row.get_ref(2)?.as_str()?.parse();
        let text = row.get_ref(4)?.as_str()?;
        match (kind, row.get::<_, Option<i64>>(3)?) {
            (Ok(Kind::Text), _) => insert(log, position, room, text)?,
            (Ok(Kind::Edit | Kind::Delete), Some(target)) => reindex(log, room, target)?,
            _ => {}
        }
        (watermark, bytes) = (position, bytes + text.len());
    }
    let mut set = log.prepare_cached(
        "INSERT INTO meta (key, value) VALUES ('search', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1",
    )?;
    set.execute([watermark])?;
    Ok(())
}

/// Replaces the words of an ordinary message by those of its current text.
fn reindex(log: &Connection, room: i64, seq: i64) -> rusqlite::Result<()> {
    let mut find = log.prepare_cached(
        "SELECT position, author_id, text FROM message WHERE room_id = ?1 AND seq = ?2 AND kind = 'text'",
    )?;
    let target = find.query_row([room, seq], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    });
    // It was pruned, or is not an ordinary message.
    let Some((position, author, text)) = target.optional()? else { return Ok(()) };
    log.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([position])?;
    match text_change(log, room, Seq(from_sql(seq)), &author)? {
        Some(TextChange::Deleted) => Ok(()),
        Some(TextChange::Edited(text)) => insert(log, position, room, &text),
        None => insert(log, position, room, &text),
    }
}

fn insert(log: &Connection, position: i64, room: i64, text: &str) -> rusqlite::Result<()> {
    // Each word once: a search does not rank.
    let words: BTreeSet<_> = words(text).chain([room_word(room)]).collect();
    let words = words.into_iter().collect::<Vec<_>>().join(" ");
    let mut insert = log.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    insert.execute(params![position, words])?;
    Ok(())
}

/// A subquery for the oldest position that is not pruned.
const OLDEST: &str =
    "(SELECT COALESCE(MIN(position), (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'message'))
     FROM message)";

/// Whether the index holds messages that were pruned, by any node.
pub(crate) fn has_pruned_rows(log: &Connection) -> rusqlite::Result<bool> {
    let sql = format!("SELECT 1 FROM search_docsize WHERE id < {OLDEST} LIMIT 1");
    log.prepare_cached(&sql)?.exists([])
}

pub(crate) fn remove_pruned_rows(log: &Connection) -> rusqlite::Result<()> {
    let sql = format!(
        "DELETE FROM search WHERE rowid IN (SELECT id FROM search_docsize WHERE id < {OLDEST} ORDER BY id LIMIT ?1)"
    );
    log.prepare_cached(&sql)?.execute([to_sql(STEP_REMOVED_MAX)])?;
    Ok(())
}

/// A word that is indexed with every message of a room, and that no text contains.
pub(crate) fn room_word(room: i64) -> String {
    format!("_{room}")
}

/// What the author has done to a message's text.
pub(crate) enum TextChange {
    Edited(String),
    Deleted,
}

/// The change that counts: a deletion, or else the newest edit. Only those by `author` do.
pub(crate) fn text_change(
    log: &Connection,
    room: i64,
    seq: Seq,
    author: &str,
) -> rusqlite::Result<Option<TextChange>> {
    let mut find = log.prepare_cached(
        "SELECT kind, text FROM message INDEXED BY message_change
         WHERE room_id = ?1 AND of = ?2 AND kind IN ('edit', 'delete') AND author_id = ?3
         ORDER BY kind, seq DESC LIMIT 1",
    )?;
    let changed = |row: &Row<'_>| {
        let is_deleted = row.get_ref(0)?.as_str()? == Kind::Delete.as_str();
        Ok(if is_deleted { TextChange::Deleted } else { TextChange::Edited(row.get(1)?) })
    };
    find.query_row(params![room, to_sql(seq.0), author], changed).optional()
}

/// The position up to which the log is indexed.
pub(crate) fn watermark(log: &Connection) -> rusqlite::Result<i64> {
    let mut find = log.prepare_cached("SELECT value FROM meta WHERE key = 'search'")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{
        contract::{
            amendments::amend,
            log::{append, draft},
        },
        sqlite::testing::{Fixture, run_round},
    };

    fn round(fixture: &Fixture) {
        run_round(&mut fixture.janitor());
    }

    fn number(fixture: &Fixture, sql: &str) -> i64 {
        fixture.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The positions that the index has for a word.
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
        assert_eq!(number(&fixture, "SELECT value FROM meta WHERE key = 'search'"), 5);
    }

    #[tokio::test]
    async fn pruned_messages_leave_the_index_also_if_a_node_pruned_that_knows_of_none() {
        let mut fixture = Fixture::new();
        fixture.settings.retention = Duration::from_secs(3_600);
        let log = fixture.open();
        append(&*log, (0..STEP_REMOVED_MAX + 3).map(|n| draft("", &format!("n{n}"))).collect()).await;
        round(&fixture);
        fixture.connection().execute("DELETE FROM message WHERE position <= 2", []).unwrap();
        round(&fixture);
        assert_eq!(number(&fixture, "SELECT MIN(id) FROM search_docsize"), 3);
        fixture.clock.set_after(Duration::from_secs(7_200));
        round(&fixture);
        assert_eq!(number(&fixture, "SELECT COUNT(*) FROM search_docsize"), 0);
        assert_eq!(hits(&fixture, "n7"), [] as [i64; 0]);
    }

    #[tokio::test]
    async fn a_backlog_is_indexed_in_steps() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, (0..STEP_ROWS_MAX + 1).map(|_| draft("", "x")).collect()).await;
        let connection = fixture.connection();
        advance(&connection).unwrap();
        assert_eq!(watermark(&connection).unwrap(), to_sql(STEP_ROWS_MAX));
        let long = "word ".repeat(STEP_BYTES_MAX / 5 + 1);
        append(&*log, vec![draft("", &long), draft("", &long)]).await;
        advance(&connection).unwrap();
        assert_eq!(watermark(&connection).unwrap(), to_sql(STEP_ROWS_MAX) + 2, "a step takes no more text");
        assert!(is_behind(&connection).unwrap());
        advance(&connection).unwrap();
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
}
