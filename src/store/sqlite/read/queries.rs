//! The queries of the log's port, as SQL. Search and changes have files of their own.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use crate::{
    chat::{
        model::{LogPosition, Message, Nonce, RoomName, Seq, UserId},
        ports::{Extent, ListedRoom},
    },
    store::{
        page::{AMENDMENT_BYTES_MAX, Page},
        scan_budget::ScanBudget,
        sqlite::rows::{MESSAGE_COLUMNS, from_sql, message, room_name, to_sql},
    },
};

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
    Ok(fill(Page::new(limit), connection, &sql, room, key)?.into_messages())
}

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
    Ok(fill(Page::new(limit), connection, &sql, room, key)?.into_reversed())
}

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
    let page = Page::with_bytes_max(limit, AMENDMENT_BYTES_MAX);
    Ok(fill(page, connection, &sql, room, key)?.into_reversed())
}

/// Steps through the rows of a query until the page is full.
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
        page.push(Arc::new(message(room, row)?));
    }
    Ok(page)
}

pub(crate) fn extent(connection: &Connection, room: &RoomName) -> anyhow::Result<Extent> {
    let mut find = connection.prepare_cached("SELECT pruned, head FROM room WHERE name = ?1")?;
    let found = find.query_row([room.as_str()], decode_extent);
    Ok(found.optional()?.unwrap_or_default())
}

/// Decodes the columns `pruned` and `head`, the first two of a row.
fn decode_extent(row: &Row<'_>) -> rusqlite::Result<Extent> {
    Ok(Extent { pruned: Seq(from_sql(row.get(0)?)), head: Seq(from_sql(row.get(1)?)) })
}

pub(crate) fn rooms(
    connection: &Connection,
    after: Option<&RoomName>,
    limit: usize,
) -> anyhow::Result<Vec<ListedRoom>> {
    // One transaction, so that all queries see the same state.
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot
        .prepare_cached("SELECT pruned, head, name, id FROM room WHERE ?1 < name ORDER BY name LIMIT ?2")?;
    let mut rows = find.query(params![after.map_or("", RoomName::as_str), to_sql(limit as u64)])?;
    let (mut list, mut budget) = (Vec::new(), ScanBudget::new());
    while let Some(row) = rows.next()? {
        let (extent, room) = (decode_extent(row)?, room_name(row, 2)?);
        let scan_after = budget.scan_after(extent);
        let last = last_text(&snapshot, row.get(3)?, &room, scan_after)?.map(Arc::new);
        budget.spend(extent, scan_after, last.as_deref());
        list.push(ListedRoom { room, extent, last });
    }
    Ok(list)
}

/// The newest ordinary message of a room after a seq.
fn last_text(
    connection: &Connection,
    id: i64,
    room: &RoomName,
    after: Seq,
) -> anyhow::Result<Option<Message>> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS} FROM message
         WHERE room_id = ?1 AND ?2 < seq AND kind = 'text' ORDER BY seq DESC LIMIT 1"
    );
    let mut find = connection.prepare_cached(&sql)?;
    let mut rows = find.query(params![id, to_sql(after.0)])?;
    rows.next()?.map(|row| message(room, row)).transpose()
}

/// The newest position of the log, even if its message was pruned.
pub(crate) fn position(connection: &Connection) -> anyhow::Result<LogPosition> {
    let mut find = connection.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'message'")?;
    let found: Option<i64> = find.query_row([], |row| row.get(0)).optional()?;
    Ok(LogPosition(found.map_or(0, from_sql)))
}
