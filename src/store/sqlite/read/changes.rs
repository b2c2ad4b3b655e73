//! Finds the rooms that have grown since a position, cheaply while nothing was committed.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use crate::{
    chat::{
        model::{LogPosition, RoomName, Seq},
        ports::Changes,
    },
    store::sqlite::{
        file::database::Database,
        read::queries,
        rows::{from_sql, room_name, to_sql},
    },
};

/// Messages that one poll covers. A node that was paused for hours polls again rather than read its whole backlog at
/// once.
const MESSAGES_MAX: usize = 50_000;

/// Polls on a connection of its own, which never writes.
pub(crate) struct ChangePoller {
    database: Database,
    connection: Option<Connection>,
    caught_up: Option<CaughtUp>,
}

/// The latest poll, if it reached the end of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
struct CaughtUp {
    /// SQLite's counter of commits by other connections, as the poller's connection sees it.
    data_version: i64,
    position: LogPosition,
}

impl ChangePoller {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, connection: None, caught_up: None }
    }

    pub(crate) fn poll(&mut self, after: LogPosition) -> anyhow::Result<Changes> {
        self.poll_up_to(after, MESSAGES_MAX)
    }

    fn poll_up_to(&mut self, after: LogPosition, messages_max: usize) -> anyhow::Result<Changes> {
        // Put back only after success: a connection that failed is not used again.
        let connection = self.connection.take().map_or_else(|| self.database.reader(), Ok)?;
        let caught_up = self.caught_up.take();

        // Read first, so that a commit after this is found by the next poll.
        let data_version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let (changes, is_complete) = if caught_up == Some(CaughtUp { data_version, position: after }) {
            (Changes { position: after, heads: Vec::new() }, true)
        } else {
            read_changes(&connection, after, messages_max)?
        };

        self.caught_up = is_complete.then_some(CaughtUp { data_version, position: changes.position });
        self.connection = Some(connection);
        Ok(changes)
    }
}

/// Reads up to `messages_max` messages after a position; returns whether those were all.
fn read_changes(
    connection: &Connection,
    after: LogPosition,
    messages_max: usize,
) -> anyhow::Result<(Changes, bool)> {
    // One transaction, so that all queries see the same state.
    let snapshot = connection.unchecked_transaction()?;
    let mut position = queries::position(&snapshot)?;
    let mut find = snapshot.prepare_cached(
        "SELECT room.name, MAX(grown.seq), MAX(grown.position), COUNT(*)
         FROM (SELECT position, room_id, seq FROM message WHERE ?1 < position ORDER BY position LIMIT ?2) AS grown
         JOIN room ON room.id = grown.room_id GROUP BY grown.room_id",
    )?;
    let mut rows = find.query(params![to_sql(after.0), to_sql(messages_max as u64)])?;

    let (mut heads, mut count, mut last) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        heads.push((room_name(row, 0)?, Seq(from_sql(row.get(1)?))));
        last = last.max(from_sql(row.get(2)?));
        count += from_sql(row.get(3)?);
    }
    let is_complete = count < messages_max as u64;
    if !is_complete {
        position = LogPosition(last);
    }
    if after < pruned_up_to(&snapshot)? {
        add_pruned_rooms(&snapshot, &mut heads)?;
    }
    Ok((Changes { position, heads }, is_complete))
}

/// The newest position that was pruned.
fn pruned_up_to(connection: &Connection) -> anyhow::Result<LogPosition> {
    let mut find = connection.prepare_cached("SELECT MIN(position) - 1 FROM message")?;
    let before_oldest: Option<i64> = find.query_row([], |row| row.get(0))?;
    before_oldest
        .map_or_else(|| queries::position(connection), |position| Ok(LogPosition(from_sql(position))))
}

/// A pruned message does not say which room it was in: adds every room that lost some.
fn add_pruned_rooms(connection: &Connection, heads: &mut Vec<(RoomName, Seq)>) -> anyhow::Result<()> {
    let known: HashSet<RoomName> = heads.iter().map(|(room, _)| room.clone()).collect();
    let mut find = connection.prepare_cached("SELECT name, pruned FROM room WHERE 0 < pruned")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let room = room_name(row, 0)?;
        if !known.contains(&room) {
            heads.push((room, Seq(from_sql(row.get(1)?))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        contract::log::{append, draft, to},
        sqlite::testing::Fixture,
    };

    #[tokio::test]
    async fn a_backlog_is_told_in_parts() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, ["a", "b", "a", "a", "b"].map(|room| to(room, draft("", "x"))).into()).await;
        let mut poller = ChangePoller::new(fixture.database());

        let mut heads = Vec::new();
        let mut position = LogPosition(0);
        loop {
            let changes = poller.poll_up_to(position, 2).unwrap();
            if changes.heads.is_empty() {
                break;
            }
            heads.extend(changes.heads.into_iter().map(|(room, seq)| format!("{room}:{seq}")));
            position = changes.position;
        }
        assert_eq!(heads, ["a:1", "b:1", "a:3", "b:2"]);
        assert_eq!(position, queries::position(&fixture.database().reader().unwrap()).unwrap());
    }

    #[tokio::test]
    async fn a_poll_that_finds_nothing_new_reads_no_table() {
        let fixture = Fixture::new();
        let log = fixture.open();
        // The log's own janitor would commit, too, when it has something to index.
        let _guard = fixture.database().janitor_lock().unwrap().acquire().unwrap();
        append(&*log, vec![draft("", "x")]).await;
        let mut poller = ChangePoller::new(fixture.database());
        let first = poller.poll(LogPosition(0)).unwrap();

        assert_eq!(poller.poll(first.position).unwrap(), Changes { heads: vec![], ..first.clone() });

        // A poll that read the table would find the message again.
        poller.caught_up.as_mut().unwrap().position = LogPosition(0);
        assert_eq!(poller.poll(LogPosition(0)).unwrap().heads, []);
        append(&*log, vec![draft("", "y")]).await;
        assert_eq!(poller.poll(LogPosition(0)).unwrap().heads, [("lobby".parse().unwrap(), Seq(2))]);
    }
}
