//! The connections that read, apart from the writer, and what they are asked.
//!
//! Each question has an end: what it looks at is bounded, or the time that it may take. A read
//! transaction that stays open would keep the WAL from being checkpointed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use rusqlite::{Connection, OptionalExtension as _, Params, params};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{
    chat::{
        model::{LogPosition, Message, Nonce, RoomName, Seq, UserId},
        ports::{Extent, ListedRoom, ReadError},
    },
    store::{
        page::{AMENDMENT_BYTES_MAX, Page},
        scan_budget::ScanBudget,
        sqlite::{
            file::database::Database,
            rows::{MESSAGE_COLUMNS, from_sql, message, to_sql},
        },
    },
    sync::lock,
};

/// How long a question waits for a free connection before it fails.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What a row is that cannot be read as one.
const NO_MESSAGE: &str = "the log holds what is no message";

/// A set number of connections, opened when they are needed first.
pub(crate) struct ReadPool {
    database: Database,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    /// Whose it is to ask what may be costly.
    turn: Arc<Semaphore>,
}

impl ReadPool {
    pub(crate) fn new(database: Database, connections: usize) -> Self {
        let (free, turn) = (Arc::new(Semaphore::new(connections)), Arc::new(Semaphore::new(1)));
        Self { database, idle: Arc::default(), free, turn }
    }

    /// Asks `question` on a connection of its own, on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let place = timeout(WAIT_MAX, self.free.clone().acquire_owned()).await;
        let place = place.map_err(|_| ReadError(anyhow!("all readers are busy")))?;
        let (database, idle) = (self.database.clone(), self.idle.clone());
        let answer = spawn_blocking(move || {
            // It goes when the question is answered, also when nobody waits for that.
            let _place = place;
            let kept = lock(&idle).pop();
            let connection = kept.map_or_else(|| database.reader(), Ok)?;
            let answer = question(&connection)?;
            // Only now: a connection that failed is not used again.
            lock(&idle).push(connection);
            anyhow::Ok(answer)
        });
        answer.await.context("the reader panicked").flatten().map_err(ReadError)
    }

    /// Asks a `question` that may be costly, one at a time, so that such ones never take all connections.
    pub(crate) async fn ask_in_turn<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let turn = timeout(WAIT_MAX, self.turn.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| ReadError(anyhow!("others take too long")))?;
        let in_turn = move |connection: &Connection| {
            // As above.
            let _turn = turn;
            question(connection)
        };
        self.ask(in_turn).await
    }
}

/// Whether something was stored under a nonce that is remembered.
pub(crate) fn contains_nonce(
    connection: &Connection,
    room: &RoomName,
    author: &UserId,
    nonce: &Nonce,
) -> anyhow::Result<bool> {
    let mut find = connection.prepare_cached(
        "SELECT 1 FROM nonce
         WHERE room_id = (SELECT id FROM room WHERE name = ?1) AND author_id = ?2 AND nonce = ?3",
    )?;
    Ok(find.exists([room.as_str(), author.as_str(), nonce.as_str()])?)
}

/// One page after a place, ascending.
pub(crate) fn read(
    connection: &Connection,
    room: &RoomName,
    after: Seq,
    limit: usize,
) -> anyhow::Result<Vec<Arc<Message>>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM message
         WHERE room_id = (SELECT id FROM room WHERE name = ?1) AND ?2 < seq ORDER BY seq"
    );
    let key = params![room.as_str(), to_sql(after.0)];
    Ok(fill(Page::new(limit), connection, &sql, room, key)?.in_order())
}

/// One page before a place, ascending, of which the newest are kept.
pub(crate) fn read_before(
    connection: &Connection,
    room: &RoomName,
    before: Seq,
    limit: usize,
) -> anyhow::Result<Vec<Arc<Message>>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM message
         WHERE room_id = (SELECT id FROM room WHERE name = ?1) AND seq < ?2 ORDER BY seq DESC"
    );
    let key = params![room.as_str(), to_sql(before.0)];
    Ok(fill(Page::new(limit), connection, &sql, room, key)?.reversed())
}

/// What amends the messages of a page and lies beyond it, ascending, of which the newest are kept.
pub(crate) fn amendments(
    connection: &Connection,
    room: &RoomName,
    first: Seq,
    last: Seq,
    limit: usize,
) -> anyhow::Result<Vec<Arc<Message>>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM message INDEXED BY message_of
         WHERE room_id = (SELECT id FROM room WHERE name = ?1) AND of BETWEEN ?2 AND ?3 AND ?3 < seq
         ORDER BY seq DESC LIMIT ?4"
    );
    let key = params![room.as_str(), to_sql(first.0), to_sql(last.0), to_sql(limit as u64)];
    let page = Page::within(limit, AMENDMENT_BYTES_MAX);
    Ok(fill(page, connection, &sql, room, key)?.reversed())
}

/// Steps through a query until the page is full.
fn fill(
    mut page: Page,
    connection: &Connection,
    sql: &str,
    room: &RoomName,
    key: impl Params,
) -> anyhow::Result<Page> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    while !page.is_full()
        && let Some(row) = rows.next()?
    {
        page.push(Arc::new(message(room, row).context(NO_MESSAGE)?));
    }
    Ok(page)
}

/// What of a room is there.
pub(crate) fn extent(connection: &Connection, room: &RoomName) -> anyhow::Result<Extent> {
    let mut find = connection.prepare_cached("SELECT pruned, head FROM room WHERE name = ?1")?;
    let found = find.query_row([room.as_str()], |row| {
        Ok(Extent { pruned: Seq(from_sql(row.get(0)?)), head: Seq(from_sql(row.get(1)?)) })
    });
    Ok(found.optional()?.unwrap_or_default())
}

/// The rooms after the one named, by name.
pub(crate) fn rooms(
    connection: &Connection,
    after: Option<&RoomName>,
    limit: usize,
) -> anyhow::Result<Vec<ListedRoom>> {
    // One view for all questions.
    let view = connection.unchecked_transaction()?;
    let mut list = view
        .prepare_cached("SELECT pruned, head, name, id FROM room WHERE ?1 < name ORDER BY name LIMIT ?2")?;
    let mut rows = list.query(params![after.map_or("", RoomName::as_str), to_sql(limit as u64)])?;
    let (mut list, mut looks) = (Vec::new(), ScanBudget::new());
    while let Some(row) = rows.next()? {
        let extent = Extent { pruned: Seq(from_sql(row.get(0)?)), head: Seq(from_sql(row.get(1)?)) };
        let room: RoomName = row.get_ref(2)?.as_str()?.parse()?;
        let after = looks.after(extent);
        let last = last(&view, row.get(3)?, &room, after)?.map(Arc::new);
        looks.count(extent, after, last.as_deref());
        list.push(ListedRoom { room, extent, last });
    }
    Ok(list)
}

/// The newest ordinary message of a room after a place.
fn last(connection: &Connection, id: i64, room: &RoomName, after: Seq) -> anyhow::Result<Option<Message>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM message
         WHERE room_id = ?1 AND ?2 < seq AND kind = 'text' ORDER BY seq DESC LIMIT 1"
    );
    let mut find = connection.prepare_cached(&sql)?;
    let mut rows = find.query(params![id, to_sql(after.0)])?;
    rows.next()?.map(|row| message(room, row).context(NO_MESSAGE)).transpose()
}

/// The newest place in the whole log, also when its message was pruned.
pub(crate) fn position(connection: &Connection) -> anyhow::Result<LogPosition> {
    let mut find = connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'message'")?;
    let found: Option<i64> = find.query_row([], |row| row.get(0)).optional()?;
    Ok(LogPosition(found.map_or(0, from_sql)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::store::sqlite::tests::Fixture;

    #[tokio::test]
    async fn costly_questions_take_one_connection_also_when_nobody_waits_for_them() {
        let fixture = Fixture::new();
        let readers = ReadPool::new(fixture.database(), 2);
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..3 {
            let held = held.clone();
            let costly = readers.ask_in_turn(move |_| Ok(held.lock().unwrap().recv()?));
            assert!(timeout(Duration::from_millis(50), costly).await.is_err(), "it is given up");
        }
        assert_eq!(readers.free.available_permits(), 1);
        readers.ask(position).await.unwrap();

        drop(release);
        readers.ask_in_turn(position).await.unwrap();
    }
}
