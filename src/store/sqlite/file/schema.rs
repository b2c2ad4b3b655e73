//! The schema of the log's file: its application id, its migrations, its epoch and key.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};

use crate::chat::model::Epoch;

/// The application id in SQLite's header: "Chor".
pub(crate) const APPLICATION_ID: i32 = 0x4368_6f72;

/// The migrations, in order. A released one never changes. Nodes are replaced one by one, so that a node of the
/// release before must still work after each.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("../migrations/1_log.sql")),
    M::up(include_str!("../migrations/2_amendments.sql")),
    M::up(include_str!("../migrations/3_search.sql")),
];

/// The newest schema version that this program knows.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What identifies a log for as long as it exists.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) epoch: Epoch,
    pub(crate) key: [u8; 32],
}

/// The identity of a log that is complete and up to date; `None` if it must be created or migrated.
pub(crate) fn complete_identity(connection: &Connection) -> anyhow::Result<Option<Identity>> {
    if application(connection)? != APPLICATION_ID || version(connection)? != VERSION {
        return Ok(None);
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode == "wal" { identity(connection) } else { Ok(None) }
}

/// Creates the log in an empty file, or migrates an older one. The caller holds the lock. A crash after any step
/// leaves a file that this can complete.
pub(crate) fn create_or_migrate(connection: &mut Connection) -> anyhow::Result<Identity> {
    if let Some(identity) = complete_identity(connection)? {
        return Ok(identity);
    }
    set_application_id(connection)?;
    refuse_newer(version(connection)?)?;
    Migrations::from_slice(MIGRATIONS).to_latest(connection).context("cannot migrate the schema")?;
    // After all of the above, so that it is in the file itself, where `file_check` reads.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        bail!("cannot switch to a write-ahead log: use a file system with shared memory");
    }
    match identity(connection)? {
        Some(identity) => Ok(identity),
        None => create_identity(connection),
    }
}

/// Refuses a log whose schema was made by a later program.
pub(crate) fn refuse_newer(version: i64) -> anyhow::Result<()> {
    if VERSION < version {
        bail!(
            "the schema has version {version}, and this release of Chorus knows versions up to {VERSION}: \
             use a newer one"
        );
    }
    Ok(())
}

fn set_application_id(connection: &mut Connection) -> anyhow::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    if application(&transaction)? != APPLICATION_ID {
        let tables: i64 =
            transaction.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables != 0 {
            bail!("another program has just created a database in this file: point log.url at a new one");
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
    getrandom::fill(&mut bits).context("the system gives no random bytes")?;
    Ok(Epoch::from_random(u128::from_le_bytes(bits)))
}

fn create_identity(connection: &mut Connection) -> anyhow::Result<Identity> {
    let (epoch, mut key) = (random_epoch()?, [0; 32]);
    getrandom::fill(&mut key).context("the system gives no random bytes")?;

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

/// The epoch that is stored in the file now.
pub(crate) fn epoch(connection: &Connection) -> anyhow::Result<Option<Epoch>> {
    let sql = "SELECT value FROM meta WHERE key = 'epoch'";
    let text: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    text.map(|text| text.parse().context("the epoch in table meta cannot be decoded")).transpose()
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
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }
}
