//! The index of words: the janitor puts into it what was said since, and takes out of it what has gone.
//!
//! It may be behind, or hold what was edited, deleted or pruned meanwhile: a search trusts it with nothing.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{
    chat::model::{Kind, Seq, search::words},
    store::sqlite::rows::{from_sql, to_sql},
};

/// Messages that one step of the janitor indexes,
const STEP_ROWS_MAX: u64 = 250;

/// or so much text: a step holds the lock for some milliseconds.
const STEP_BYTES_MAX: usize = 64 * 1024;

/// Rows that one step takes out of the index.
const STEP_GONE_MAX: u64 = 500;

/// Whether there is something to index.
pub(crate) fn is_behind(log: &Connection) -> rusqlite::Result<bool> {
    log.prepare_cached("SELECT 1 FROM message WHERE ?1 < position LIMIT 1")?.exists([watermark(log)?])
}

/// Indexes what comes next.
pub(crate) fn advance(log: &Connection) -> rusqlite::Result<()> {
    let (mut mark, mut bytes) = (watermark(log)?, 0);
    let mut find = log.prepare_cached(
        "SELECT position, room_id, kind, of, text FROM message WHERE ?1 < position ORDER BY position LIMIT ?2",
    )?;
    let mut rows = find.query(params![mark, to_sql(STEP_ROWS_MAX)])?;
    while bytes < STEP_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let (position, room) = (row.get(0)?, row.get(1)?);
        let kind = row.get_ref(2)?.as_str()?.parse();
        let text = row.get_ref(4)?.as_str()?;
        match (kind, row.get::<_, Option<i64>>(3)?) {
            (Ok(Kind::Text), _) => put(log, position, room, text)?,
            (Ok(Kind::Edit | Kind::Delete), Some(target)) => index_anew(log, room, target)?,
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
        Some(TextChange::Deleted) => Ok(()),
        Some(TextChange::Edited(text)) => put(log, position, room, &text),
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
pub(crate) fn has_gone(log: &Connection) -> rusqlite::Result<bool> {
    let sql = format!("SELECT 1 FROM search_docsize WHERE id < {OLDEST} LIMIT 1");
    log.prepare_cached(&sql)?.exists([])
}

/// Takes some of them out of the index.
pub(crate) fn forget_gone(log: &Connection) -> rusqlite::Result<()> {
    let sql = format!(
        "DELETE FROM search WHERE rowid IN (SELECT id FROM search_docsize WHERE id < {OLDEST} ORDER BY id LIMIT ?1)"
    );
    log.prepare_cached(&sql)?.execute([to_sql(STEP_GONE_MAX)])?;
    Ok(())
}

/// The word that all messages of a room have, and no text has.
pub(crate) fn room_word(room: i64) -> String {
    format!("_{room}")
}

/// What became of a message's text.
pub(crate) enum TextChange {
    Edited(String),
    Deleted,
}

/// What its author made of a message's text: a deletion is final, and else the newest edit counts.
pub(crate) fn change(
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

/// Up to where the log is indexed.
pub(crate) fn watermark(log: &Connection) -> rusqlite::Result<i64> {
    let mut find = log.prepare_cached("SELECT value FROM meta WHERE key = 'search'")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::store::{
        contract::{
            amendments::amend,
            log::{append, draft},
        },
        sqlite::{maintenance::janitor::Janitor, tests::Fixture},
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
        advance(&connection).unwrap();
        assert_eq!(watermark(&connection).unwrap(), to_sql(STEP_ROWS_MAX));
        let long = "word ".repeat(STEP_BYTES_MAX / 5 + 1);
        append(&*log, vec![draft("", &long), draft("", &long)]).await;
        advance(&connection).unwrap();
        assert_eq!(watermark(&connection).unwrap(), to_sql(STEP_ROWS_MAX) + 2, "so much text is a step's");
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
