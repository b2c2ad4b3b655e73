//! Deletes expired nonces and messages, as SQL for one step at a time.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::{
    chat::model::UnixMs,
    store::{
        retention::KEPT_MIN,
        sqlite::rows::{from_sql, to_sql},
    },
};

/// Rows that one step deletes.
pub(super) const STEP_ROWS_MAX: u64 = 500;

/// When the newest message was stored, or the newest nonce if there is no message.
pub(super) fn newest(log: &Connection) -> rusqlite::Result<UnixMs> {
    let mut find = log.prepare_cached(
        "SELECT COALESCE((SELECT at FROM message ORDER BY position DESC LIMIT 1), (SELECT MAX(at) FROM nonce), 0)",
    )?;
    find.query_row([], |row| Ok(UnixMs(from_sql(row.get(0)?))))
}

pub(super) fn has_expired_nonce(log: &Connection, before: UnixMs) -> rusqlite::Result<bool> {
    let mut find = log.prepare_cached("SELECT 1 FROM nonce WHERE at < ?1 LIMIT 1")?;
    find.exists([to_sql(before.0)])
}

pub(super) fn delete_nonces(log: &Transaction<'_>, before: UnixMs) -> rusqlite::Result<()> {
    let mut find =
        log.prepare_cached("SELECT room_id, author_id, nonce FROM nonce WHERE at < ?1 ORDER BY at LIMIT ?2")?;
    let keys = find.query_map(params![to_sql(before.0), to_sql(STEP_ROWS_MAX)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let keys = keys.collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    // One by one: for a list of composite keys SQLite would scan all nonces of each room.
    let mut delete =
        log.prepare_cached("DELETE FROM nonce WHERE room_id = ?1 AND author_id = ?2 AND nonce = ?3")?;
    for key in keys {
        delete.execute(key)?;
    }
    Ok(())
}

/// Whether the oldest message of the log has expired.
pub(super) fn has_expired_message(log: &Connection, before: UnixMs) -> rusqlite::Result<bool> {
    let mut find = log.prepare_cached("SELECT at FROM message ORDER BY position LIMIT 1")?;
    let at: Option<i64> = find.query_row([], |row| row.get(0)).optional()?;
    Ok(at.is_some_and(|at| from_sql(at) < before.0))
}

/// The position of the first message that has not expired, or where this step ends; `None` in an empty log.
///
/// A message from a clock that was ahead keeps the ones behind it until it expires itself.
pub(super) fn end_of_expired(log: &Connection, before: UnixMs) -> rusqlite::Result<Option<i64>> {
    let mut find = log.prepare_cached(
        "SELECT COALESCE(MIN(CASE WHEN ?1 <= at THEN position END), MAX(position) + 1)
         FROM (SELECT position, at FROM message ORDER BY position LIMIT ?2)",
    )?;
    find.query_row(params![to_sql(before.0), to_sql(STEP_ROWS_MAX)], |row| row.get(0))
}

/// Whether there are more messages than [`KEPT_MIN`].
pub(super) fn has_more_than_kept(log: &Connection) -> rusqlite::Result<bool> {
    let mut find = log.prepare_cached("SELECT 1 FROM message LIMIT 1 OFFSET ?1")?;
    find.exists([to_sql(KEPT_MIN as u64)])
}

/// The position before which a step prunes the oldest messages, all but the newest [`KEPT_MIN`].
pub(super) fn end_of_oldest(log: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut find = log.prepare_cached(
        "SELECT MIN((SELECT MAX(position) + 1 FROM (SELECT position FROM message ORDER BY position LIMIT ?1)),
                    (SELECT MIN(position) FROM (SELECT position FROM message ORDER BY position DESC LIMIT ?2)))",
    )?;
    find.query_row(params![to_sql(STEP_ROWS_MAX), to_sql(KEPT_MIN as u64)], |row| row.get(0))
}

/// Deletes the messages before a position.
///
/// The oldest part of the log is the oldest part of each room, so that what remains of a room has no hole, even if
/// the nodes' clocks disagreed.
pub(super) fn prune(log: &Transaction<'_>, end: Option<i64>) -> rusqlite::Result<()> {
    // NOT INDEXED: by position, rather than through the whole index of rooms to group by.
    let mut mark = log.prepare_cached(
        "UPDATE room SET pruned = gone.seq
         FROM (SELECT room_id, MAX(seq) AS seq FROM message NOT INDEXED WHERE position < ?1 GROUP BY room_id) AS gone
         WHERE id = gone.room_id",
    )?;
    mark.execute([end])?;
    log.prepare_cached("DELETE FROM message WHERE position < ?1")?.execute([end])?;
    Ok(())
}
