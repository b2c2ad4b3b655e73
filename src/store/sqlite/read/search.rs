//! Searches messages by words: in the index, and by a scan of what is not indexed yet.
//!
//! The index may be out of date. Each candidate is read with its current text, which must match the query.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Rows, params};

use crate::{
    chat::{
        model::{Message, MessageText, RoomName, SearchQuery, Seq},
        ports::SearchResult,
    },
    store::{
        page::Page,
        sqlite::{
            maintenance::index::{TextChange, room_word, text_change, watermark},
            rows::{MESSAGE_COLUMNS, from_sql, message, to_sql},
        },
    },
};

/// A search occupies a read connection, and later searches wait for it. After this time it returns what it has found,
/// or fails if it has found nothing.
const TIME_MAX: Duration = Duration::from_secs(2);

/// SQLite's virtual machine instructions between two checks of the time.
const CHECK_STEPS: i32 = 200;

/// The newest messages of a room that are scanned if they are not indexed yet: some seconds' worth. Older ones are
/// found once the janitor has indexed them.
const SCAN_ROWS_MAX: usize = 5_000;

/// Finds the ordinary messages of a room before a seq that match a query, newest first.
pub(crate) fn search(
    connection: &Connection,
    room: &RoomName,
    query: &SearchQuery,
    before: Seq,
    limit: usize,
) -> anyhow::Result<SearchResult> {
    let end = Instant::now() + TIME_MAX;
    search_until(move || end <= Instant::now(), connection, room, query, before, limit)
}

/// Searches until `is_over`, which is called every [`CHECK_STEPS`].
fn search_until(
    is_over: impl FnMut() -> bool + Send + 'static,
    connection: &Connection,
    room: &RoomName,
    query: &SearchQuery,
    before: Seq,
    limit: usize,
) -> anyhow::Result<SearchResult> {
    let mut page = Page::new(limit);
    connection.progress_handler(CHECK_STEPS, Some(is_over))?;
    let filled = fill(&mut page, connection, room, query, before);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    let more = match filled {
        Err(error) if is_interruption(&error) && !page.is_empty() => true,
        Err(error) if is_interruption(&error) => {
            return Err(error.context(format!("the search found nothing in {TIME_MAX:?}")));
        }
        filled => filled.context("the search failed")?,
    };
    Ok(SearchResult { messages: page.into_messages(), more })
}

fn is_interruption(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref().and_then(rusqlite::Error::sqlite_error_code);
    code == Some(ErrorCode::OperationInterrupted)
}

/// Fills a page; returns whether more messages match than it takes.
fn fill(
    page: &mut Page,
    connection: &Connection,
    room: &RoomName,
    query: &SearchQuery,
    before: Seq,
) -> anyhow::Result<bool> {
    // One transaction, so that all queries see the same state.
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot.prepare_cached("SELECT id FROM room WHERE name = ?1")?;
    let Some(id) = find.query_row([room.as_str()], |row| row.get(0)).optional()? else { return Ok(false) };
    let room = Room { snapshot: &snapshot, id, name: room };
    let mut unindexed = room.unindexed(before)?;
    let mut find = snapshot.prepare_cached(
        "SELECT message.seq FROM search CROSS JOIN message ON message.position = search.rowid
         WHERE search MATCH ?1 AND search.rowid <=
             (SELECT position FROM message WHERE room_id = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1)
         ORDER BY search.rowid DESC",
    )?;
    let mut rows = find.query(params![match_expression(id, query), id, to_sql(before.0)])?;
    let mut indexed = next_seq(&mut rows)?;

    // Merges the two descending sequences; a seq that is in both is read once.
    while let Some(seq) = unindexed.last().copied().max(indexed) {
        unindexed.remove(&seq);
        if indexed == Some(seq) {
            indexed = next_seq(&mut rows)?;
        }
        let Some(message) = room.current(seq)?.filter(|found| query.matches(found.draft.text.as_str()))
        else {
            continue;
        };
        if page.is_full() {
            return Ok(true);
        }
        page.push(Arc::new(message));
    }
    Ok(false)
}

fn next_seq(rows: &mut Rows<'_>) -> anyhow::Result<Option<Seq>> {
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map(|seq| Seq(from_sql(seq))))
}

/// An FTS5 expression: the room's word and each word of the query as a prefix. Words are letters and digits, so that
/// nothing must be escaped.
fn match_expression(room: i64, query: &SearchQuery) -> String {
    let words = query.words().map(|word| format!(" AND \"{word}\" *"));
    std::iter::once(format!("\"{}\"", room_word(room))).chain(words).collect()
}

/// A room in one snapshot of the log.
struct Room<'s> {
    snapshot: &'s Connection,
    id: i64,
    name: &'s RoomName,
}

impl Room<'_> {
    /// The seqs before `before` of messages that are not indexed, or whose amendments are not.
    fn unindexed(&self, before: Seq) -> anyhow::Result<BTreeSet<Seq>> {
        let watermark = watermark(self.snapshot)?;
        let mut find = self.snapshot.prepare_cached(
            "SELECT position, seq, of FROM message WHERE room_id = ?1 ORDER BY seq DESC LIMIT ?2",
        )?;
        let mut rows = find.query(params![self.id, to_sql(SCAN_ROWS_MAX as u64)])?;
        let mut seqs = BTreeSet::new();
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? <= watermark {
                break;
            }
            let target: Option<i64> = row.get(2)?;
            seqs.insert(Seq(from_sql(target.map_or_else(|| row.get(1), Ok)?)));
        }
        seqs.retain(|seq| *seq < before);
        Ok(seqs)
    }

    /// An ordinary message with its current text; `None` if there is none at this seq or it was deleted.
    fn current(&self, seq: Seq) -> anyhow::Result<Option<Message>> {
        let sql = format!(
            "SELECT {MESSAGE_COLUMNS} FROM message WHERE room_id = ?1 AND seq = ?2 AND kind = 'text'"
        );
        let mut find = self.snapshot.prepare_cached(&sql)?;
        let mut rows = find.query(params![self.id, to_sql(seq.0)])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut found = message(self.name, row)?;
        match text_change(self.snapshot, self.id, seq, found.draft.author.id.as_str())? {
            Some(TextChange::Deleted) => Ok(None),
            Some(TextChange::Edited(text)) => {
                found.draft.text = MessageText::from_log(text);
                Ok(Some(found))
            }
            None => Ok(Some(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use tokio::time::timeout;

    use super::*;
    use crate::{
        chat::ports::MessageLog as _,
        store::{
            contract::log::{append, draft},
            sqlite::{
                maintenance::index::{advance, is_behind},
                testing::Fixture,
            },
        },
    };

    #[tokio::test]
    async fn of_a_long_backlog_the_newest_are_found_at_once() {
        let fixture = Fixture::new();
        let _guard = fixture.database().janitor_lock().unwrap().acquire().unwrap();
        let log = fixture.open();
        append(&*log, vec![draft("", "needle")]).await;
        for _ in 0..SCAN_ROWS_MAX / 500 {
            append(&*log, (0..500).map(|_| draft("", "hay")).collect()).await;
        }
        let found = async |query: &str| {
            let found = log.search(&RoomName::lobby(), &query.parse().unwrap(), Seq::MAX, 2).await;
            found.unwrap().messages.len()
        };
        assert_eq!((found("hay").await, found("needle").await), (2, 0));
        let connection = fixture.connection();
        while is_behind(&connection).unwrap() {
            let step = connection.unchecked_transaction().unwrap();
            advance(&step).unwrap();
            step.commit().unwrap();
        }
        assert_eq!(found("needle").await, 1);
    }

    #[tokio::test]
    async fn a_search_ends_in_time_with_what_it_has_found_or_is_refused() {
        let fixture = Fixture::new();
        let _guard = fixture.database().janitor_lock().unwrap().acquire().unwrap();
        let log = fixture.open();
        append(&*log, (0..300).map(|n| draft("", &format!("hay {n}"))).collect()).await;
        let connection = fixture.database().reader().unwrap();
        // Over at the nth check of the time.
        let found_by = |n: usize| {
            let checks = AtomicUsize::new(0);
            let is_over = move || n <= checks.fetch_add(1, Ordering::Relaxed);
            let query = "hay".parse().unwrap();
            search_until(is_over, &connection, &RoomName::lobby(), &query, Seq::MAX, 500)
        };
        let whole = found_by(usize::MAX).unwrap();
        assert_eq!((whole.messages.len(), whole.more), (300, false));
        assert!(found_by(0).is_err(), "nothing was found: there is no seq to go on from");

        let interrupted = (0..).map(found_by).skip_while(Result::is_err).map(Result::unwrap);
        let interrupted: Vec<_> = interrupted.take_while(|found| found.more).collect();
        assert!(!interrupted.is_empty());
        for found in &interrupted {
            assert!(!found.messages.is_empty() && whole.messages.starts_with(&found.messages));
        }
        assert_eq!(found_by(usize::MAX).unwrap(), whole, "the connection goes on");
    }

    #[tokio::test]
    async fn a_search_waits_for_its_turn_and_keeps_nobody_else_waiting() {
        let mut fixture = Fixture::new();
        fixture.settings.readers = 2;
        let log = fixture.open();
        let (release, blocked) = mpsc::channel::<()>();
        let other = log.read_pool.run_costly(move |_| Ok(blocked.recv()?));
        let meanwhile = async {
            let room = RoomName::lobby();
            let query = "hay".parse().unwrap();
            let search = log.search(&room, &query, Seq::MAX, 2);
            assert!(timeout(Duration::from_millis(50), search).await.is_err(), "it waits");
            log.extent(&room).await.unwrap();
            drop(release);
            log.search(&room, &query, Seq::MAX, 2).await.unwrap();
        };
        futures_util::join!(other, meanwhile).0.unwrap_err();
    }
}
