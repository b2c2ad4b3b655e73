//! Finds messages by their words: in the index, and by a look at what is not in it yet.
//!
//! Neither is trusted about what a message says now: each that may be found is read, with its newest
//! text, and must have the words.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use crate::{
    chat::{
        model::{Message, MessageText, RoomName, SearchQuery, Seq},
        ports::SearchResult,
    },
    store::{
        page::Page,
        sqlite::{
            maintenance::index::{TextChange, change, room_word, watermark},
            rows::{MESSAGE_COLUMNS, from_sql, message, to_sql},
        },
    },
};

/// A search lasts no longer: it takes one of the readers, and others wait for their turn. What it has found by then
/// is answered; one that has found nothing is refused.
const TIME_MAX: Duration = Duration::from_secs(2);

/// So many of SQLite's instructions lie between two looks at the clock.
const LOOK_STEPS: i32 = 200;

/// So many of a room's messages that are not indexed yet are looked at, the newest: some seconds' worth.
/// What lies between these and the index is found once the janitor has come so far.
const SCAN_ROWS_MAX: usize = 5_000;

/// Ordinary messages of a room before a place that a query finds, newest first.
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

/// The same until `is_over`, which is asked again and again.
fn search_until(
    is_over: impl FnMut() -> bool + Send + 'static,
    connection: &Connection,
    room: &RoomName,
    query: &SearchQuery,
    before: Seq,
    limit: usize,
) -> anyhow::Result<SearchResult> {
    let mut page = Page::new(limit);
    connection.progress_handler(LOOK_STEPS, Some(is_over))?;
    let filled = fill(&mut page, connection, room, query, before);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    let more = match filled {
        Err(error) if is_interruption(&error) && !page.is_empty() => true,
        filled => filled.context("the search failed, or took too long")?,
    };
    Ok(SearchResult { messages: page.in_order(), more })
}

fn is_interruption(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref().and_then(rusqlite::Error::sqlite_error_code);
    code == Some(ErrorCode::OperationInterrupted)
}

/// Fills a page, and says whether more is found than it takes.
fn fill(
    page: &mut Page,
    connection: &Connection,
    room: &RoomName,
    query: &SearchQuery,
    before: Seq,
) -> anyhow::Result<bool> {
    // One view for all questions.
    let view = connection.unchecked_transaction()?;
    let mut find = view.prepare_cached("SELECT id FROM room WHERE name = ?1")?;
    let Some(id) = find.query_row([room.as_str()], |row| row.get(0)).optional()? else { return Ok(false) };
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

    // Both descend; what is in both is looked at once.
    while let Some(seq) = fresh.last().copied().max(indexed) {
        fresh.remove(&seq);
        if indexed == Some(seq) {
            indexed = next(&mut rows)?;
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

fn next(rows: &mut rusqlite::Rows<'_>) -> anyhow::Result<Option<Seq>> {
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map(|seq| Seq(from_sql(seq))))
}

/// Of a room all words, each as a beginning. They are letters and digits: nothing has to be escaped.
fn expression(room: i64, query: &SearchQuery) -> String {
    let words = query.words().map(|word| format!(" AND \"{word}\" *"));
    std::iter::once(format!("\"{}\"", room_word(room))).chain(words).collect()
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
        Arc,
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
                tests::Fixture,
            },
        },
    };

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
            let step = connection.unchecked_transaction().unwrap();
            advance(&step).unwrap();
            step.commit().unwrap();
        }
        assert_eq!(found("needle").await, 1);
    }

    #[tokio::test]
    async fn a_search_ends_in_time_with_what_it_has_found_or_is_refused() {
        let fixture = Fixture::new();
        let _turn = fixture.database().janitor_lock().unwrap().wait().unwrap();
        let log = fixture.open();
        append(&*log, (0..300).map(|n| draft("", &format!("hay {n}"))).collect()).await;
        let connection = fixture.database().reader().unwrap();
        // Over at the nth look at the clock.
        let found_by = |n: usize| {
            let looks = Arc::new(AtomicUsize::new(0));
            let is_over = move || n <= looks.fetch_add(1, Ordering::Relaxed);
            search_until(
                is_over,
                &connection,
                &RoomName::lobby(),
                &"hay".parse().unwrap(),
                Seq(u64::MAX),
                500,
            )
        };
        let whole = found_by(usize::MAX).unwrap();
        assert_eq!((whole.messages.len(), whole.more), (300, false));
        assert!(found_by(0).is_err(), "nothing was found: there is no place to go on from");

        let mut cut = (0..).map(found_by).skip_while(Result::is_err).map(Result::unwrap);
        let cut: Vec<_> = cut.by_ref().take_while(|found| found.more).collect();
        assert!(!cut.is_empty());
        for found in &cut {
            assert!(!found.messages.is_empty() && whole.messages.starts_with(&found.messages));
        }
        assert_eq!(found_by(usize::MAX).unwrap(), whole, "the connection goes on");
    }

    #[tokio::test]
    async fn a_search_waits_for_its_turn_and_keeps_nobody_else_waiting() {
        let mut fixture = Fixture::new();
        fixture.settings.readers = 2;
        let log = fixture.open();
        let (release, held) = mpsc::channel::<()>();
        let other = log.readers.ask_in_turn(move |_| Ok(held.recv()?));
        let meanwhile = async {
            let room = RoomName::lobby();
            let query = "hay".parse().unwrap();
            let search = log.search(&room, &query, Seq(u64::MAX), 2);
            assert!(timeout(Duration::from_millis(50), search).await.is_err(), "it waits");
            log.extent(&room).await.unwrap();
            drop(release);
            log.search(&room, &query, Seq(u64::MAX), 2).await.unwrap();
        };
        futures_util::join!(other, meanwhile).0.unwrap_err();
    }
}
