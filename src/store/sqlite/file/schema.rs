//! What is in the file: its mark, its tables, its identity.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};

use crate::{chat::model::Epoch, store::sqlite::file::file_check};

/// The mark of a log in SQLite's header: "Chor".
pub(crate) const APPLICATION_ID: i32 = 0x4368_6f72;

/// Each step once, in order, and never changed after a release: a node of the
/// release before must still work on what a step leaves behind, since nodes
/// are replaced one by one.
const STEPS: &[M<'static>] = &[
    M::up(include_str!("../migrations/1_log.sql")),
    M::up(include_str!("../migrations/2_amendments.sql")),
    M::up(include_str!("../migrations/3_search.sql")),
];

/// The version of the schema that this program knows.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// What a log is, for as long as it exists.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) epoch: Epoch,
    pub(crate) key: [u8; 32],
}

/// The identity of a log that is complete, so that nothing has to be done under the lock.
pub(crate) fn complete(connection: &Connection) -> anyhow::Result<Option<Identity>> {
    if application(connection)? != APPLICATION_ID || version(connection)? != VERSION {
        return Ok(None);
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" { identity(connection) } else { Ok(None) }
}

/// Makes a log of an empty file, or brings an older one up to date. The caller
/// holds the lock; each step can be the last one before a crash.
pub(crate) fn make(connection: &mut Connection) -> anyhow::Result<Identity> {
    if let Some(identity) = complete(connection)? {
        return Ok(identity);
    }
    mark(connection)?;
    file_check::refuse_newer(version(connection)?)?;
    Migrations::from_slice(STEPS).to_latest(connection).context("cannot bring the schema up to date")?;
    // Only now, so that all of the above is in the file itself, where foreign::refuse looks.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        bail!("cannot switch to a write-ahead log: the file system may lack shared memory");
    }
    match identity(connection)? {
        Some(identity) => Ok(identity),
        None => create_identity(connection),
    }
}

/// Marks an empty database as ours.
fn mark(connection: &mut Connection) -> anyhow::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    if application(&transaction)? != APPLICATION_ID {
        let tables: i64 =
            transaction.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables != 0 {
            bail!("the file has become a database of another program");
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    Ok(transaction.commit()?)
}

/// Gives the log another epoch. The caller holds the lock.
pub(crate) fn renew_epoch(connection: &Connection) -> anyhow::Result<Epoch> {
    let epoch = random_epoch()?;
    connection.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", params![epoch.to_string()])?;
    Ok(epoch)
}

fn random_epoch() -> anyhow::Result<Epoch> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).context("no random bytes")?;
    Ok(Epoch::from_random(u128::from_le_bytes(bits)))
}

fn create_identity(connection: &mut Connection) -> anyhow::Result<Identity> {
    let (epoch, mut key) = (random_epoch()?, [0; 32]);
    getrandom::fill(&mut key).context("no random bytes")?;

    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let insert = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
    transaction.execute(insert, params!["epoch", epoch.to_string()])?;
    transaction.execute(insert, params!["key", key])?;
    transaction.commit()?;
    Ok(Identity { epoch, key })
}

fn identity(connection: &Connection) -> anyhow::Result<Option<Identity>> {
    let Some(epoch) = epoch(connection)? else { return Ok(None) };
    let key = connection.query_row("SELECT value FROM meta WHERE key = 'key'", [], |row| row.get(0))?;
    Ok(Some(Identity { epoch, key }))
}

/// The epoch that the file has now.
pub(crate) fn epoch(connection: &Connection) -> anyhow::Result<Option<Epoch>> {
    let sql = "SELECT value FROM meta WHERE key = 'epoch'";
    let text: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    text.map(|text| text.parse().context("the log's epoch is damaged")).transpose()
}

fn application(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_valid() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }
}
