//! The sweep's question, made cheap: has anything been committed since the last look?

use std::collections::HashSet;

use rusqlite::{Connection, params};

use crate::{
    chat::{
        model::{LogPosition, RoomName, Seq},
        ports::Changes,
    },
    store::sqlite::{
        file::database::Database,
        read::pool,
        rows::{from_sql, to_sql},
    },
};

/// Messages that one answer looks at. A node that was paused for hours asks
/// again rather than read its backlog in one go.
const MESSAGES_MAX: usize = 50_000;

/// One who looks again and again, on a connection of its own that never writes.
pub(crate) struct ChangePoller {
    database: Database,
    connection: Option<Connection>,
    last: Option<Look>,
}

/// A look that found the log's end.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    /// SQLite's count of what other connections have committed, as this one sees it.
    data_version: i64,
    position: LogPosition,
}

impl ChangePoller {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, connection: None, last: None }
    }

    /// The rooms that have grown after a position.
    pub(crate) fn look(&mut self, after: LogPosition) -> anyhow::Result<Changes> {
        self.look_at(after, MESSAGES_MAX)
    }

    fn look_at(&mut self, after: LogPosition, messages_max: usize) -> anyhow::Result<Changes> {
        // Put back only after success: a connection that failed is not used again.
        let connection = self.connection.take().map_or_else(|| self.database.reader(), Ok)?;
        let last = self.last.take();

        // Asked first: what is committed after this is seen by the next look.
        let data_version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let (growth, complete) = if last == Some(Look { data_version, position: after }) {
            (Changes { position: after, heads: Vec::new() }, true)
        } else {
            grown(&connection, after, messages_max)?
        };

        self.last = complete.then_some(Look { data_version, position: growth.position });
        self.connection = Some(connection);
        Ok(growth)
    }
}

/// Looks at up to `messages_max` messages after a position, and whether those were all.
fn grown(
    connection: &Connection,
    after: LogPosition,
    messages_max: usize,
) -> anyhow::Result<(Changes, bool)> {
    // One view for both questions.
    let view = connection.unchecked_transaction()?;
    let mut position = pool::position(&view)?;
    let mut find = view.prepare_cached(
        "SELECT room.name, MAX(grown.seq), MAX(grown.position), COUNT(*)
         FROM (SELECT position, room_id, seq FROM message WHERE ?1 < position ORDER BY position LIMIT ?2) AS grown
         JOIN room ON room.id = grown.room_id GROUP BY grown.room_id",
    )?;
    let mut rows = find.query(params![to_sql(after.0), to_sql(messages_max as u64)])?;

    let (mut heads, mut looked_at, mut furthest) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        heads.push((row.get_ref(0)?.as_str()?.parse()?, Seq(from_sql(row.get(1)?))));
        furthest = furthest.max(from_sql(row.get(2)?));
        looked_at += from_sql(row.get(3)?);
    }
    let complete = looked_at < messages_max as u64;
    if !complete {
        position = LogPosition(furthest);
    }
    if after.0 < pruned_up_to(&view)? {
        add_pruned_rooms(&view, &mut heads)?;
    }
    Ok((Changes { position, heads }, complete))
}

/// The newest position that pruning took away.
fn pruned_up_to(connection: &Connection) -> anyhow::Result<u64> {
    let mut find = connection.prepare_cached("SELECT MIN(position) - 1 FROM message")?;
    let before_oldest: Option<i64> = find.query_row([], |row| row.get(0))?;
    before_oldest.map_or_else(|| pool::position(connection).map(|newest| newest.0), |at| Ok(from_sql(at)))
}

/// Which rooms have grown by what is gone is not known any more: any from which something went.
fn add_pruned_rooms(connection: &Connection, heads: &mut Vec<(RoomName, Seq)>) -> anyhow::Result<()> {
    let known: HashSet<RoomName> = heads.iter().map(|(room, _)| room.clone()).collect();
    let mut find = connection.prepare_cached("SELECT name, pruned FROM room WHERE 0 < pruned")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let room: RoomName = row.get_ref(0)?.as_str()?.parse()?;
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
        sqlite::tests::Fixture,
    };

    #[tokio::test]
    async fn a_backlog_is_told_in_parts() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, ["a", "b", "a", "a", "b"].map(|room| to(room, draft("", "x"))).into()).await;
        let mut watcher = ChangePoller::new(fixture.database());

        let mut told = Vec::new();
        let mut position = LogPosition(0);
        loop {
            let growth = watcher.look_at(position, 2).unwrap();
            if growth.heads.is_empty() {
                break;
            }
            told.extend(growth.heads.into_iter().map(|(room, seq)| format!("{room}:{seq}")));
            position = growth.position;
        }
        assert_eq!(told, ["a:1", "b:1", "a:3", "b:2"]);
        assert_eq!(position, pool::position(&fixture.database().reader().unwrap()).unwrap());
    }

    #[tokio::test]
    async fn a_look_that_finds_nothing_new_reads_no_table() {
        let fixture = Fixture::new();
        let log = fixture.open();
        // The janitor would commit as well, when it has something to index.
        let _turn = fixture.database().janitor_lock().unwrap().wait().unwrap();
        append(&*log, vec![draft("", "x")]).await;
        let mut watcher = ChangePoller::new(fixture.database());
        let first = watcher.look(LogPosition(0)).unwrap();

        assert_eq!(watcher.look(first.position).unwrap(), Changes { heads: vec![], ..first.clone() });

        // A look that were made would find the message again.
        watcher.last.as_mut().unwrap().position = LogPosition(0);
        assert_eq!(watcher.look(LogPosition(0)).unwrap().heads, []);
        append(&*log, vec![draft("", "y")]).await;
        assert_eq!(watcher.look(LogPosition(0)).unwrap().heads, [("lobby".parse().unwrap(), Seq(2))]);
    }
}
