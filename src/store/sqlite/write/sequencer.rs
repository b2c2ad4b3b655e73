//! Appends drafts inside a transaction: gives each the next seq of its room, or recognises its nonce.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use crate::{
    chat::{
        model::{Draft, Hue, Nonce, RoomName, Seq, UnixMs, UserId},
        ports::{Appended, Receipt},
    },
    store::{
        digest::Digest,
        sqlite::rows::{from_sql, to_sql},
    },
};

/// The heads of the rooms that one transaction touches. Other processes write too, so that nothing in here may
/// outlive the transaction.
pub(crate) struct Sequencer<'c> {
    connection: &'c Connection,
    rooms: HashMap<RoomName, Room>,
    nonces: Nonces<'c>,
    /// Taken from the connection's cache once rather than for each of some hundred drafts.
    insert: CachedStatement<'c>,
}

struct Room {
    id: i64,
    head: Seq,
    has_grown: bool,
}

impl<'c> Sequencer<'c> {
    /// `connection` is in a transaction that may write.
    pub(crate) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let insert = connection.prepare_cached(
            "INSERT INTO message (room_id, seq, at, kind, author_id, author_name, nonce, node, text, of, author_color)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        Ok(Self { connection, rooms: HashMap::new(), nonces: Nonces::new(connection)?, insert })
    }

    /// Stores a draft with the next seq of its room, unless its nonce is recorded.
    pub(crate) fn append(&mut self, draft: &Draft) -> rusqlite::Result<Appended> {
        let room = match self.rooms.entry(draft.room.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(find_or_create_room(self.connection, &draft.room)?),
        };
        let receipt = Receipt { seq: room.head.next(), at: draft.at };
        if let Some(nonce) = &draft.nonce {
            let key = NonceKey { room: room.id, author: &draft.author.id, nonce };
            let digest = Digest::of(draft);
            if let Some(appended) = self.nonces.find(&key, digest)? {
                return Ok(appended);
            }
            self.nonces.insert(&key, receipt, digest)?;
        }
        insert(&mut self.insert, room.id, receipt.seq, draft)?;
        (room.head, room.has_grown) = (receipt.seq, true);
        Ok(Appended::Stored(receipt))
    }

    /// Writes the new heads; the caller commits.
    pub(crate) fn finish(self) -> rusqlite::Result<()> {
        let mut update = self.connection.prepare_cached("UPDATE room SET head = ?2 WHERE id = ?1")?;
        for room in self.rooms.values().filter(|room| room.has_grown) {
            update.execute(params![room.id, to_sql(room.head.0)])?;
        }
        Ok(())
    }
}

fn find_or_create_room(connection: &Connection, name: &RoomName) -> rusqlite::Result<Room> {
    let mut find = connection.prepare_cached("SELECT id, head FROM room WHERE name = ?1")?;
    let found = find.query_row([name.as_str()], |row| Ok((row.get(0)?, from_sql(row.get(1)?)))).optional()?;
    if let Some((id, head)) = found {
        return Ok(Room { id, head: Seq(head), has_grown: false });
    }
    connection.prepare_cached("INSERT INTO room (name) VALUES (?1)")?.execute([name.as_str()])?;
    Ok(Room { id: connection.last_insert_rowid(), head: Seq::ZERO, has_grown: false })
}

struct NonceKey<'d> {
    room: i64,
    author: &'d UserId,
    nonce: &'d Nonce,
}

/// The table of recorded nonces.
struct Nonces<'c> {
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
}

impl<'c> Nonces<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let find = connection.prepare_cached(
            "SELECT seq, at, digest = ?4 FROM nonce WHERE room_id = ?1 AND author_id = ?2 AND nonce = ?3",
        )?;
        let insert = connection.prepare_cached(
            "INSERT INTO nonce (room_id, author_id, nonce, seq, at, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        Ok(Self { find, insert })
    }

    /// `Known` if the nonce was recorded with the same digest, `Conflict` if with another.
    fn find(&mut self, key: &NonceKey<'_>, digest: Digest) -> rusqlite::Result<Option<Appended>> {
        let key = params![key.room, key.author.as_str(), key.nonce.as_str(), digest.as_bytes()];
        let appended = self.find.query_row(key, |row| {
            let receipt = Receipt { seq: Seq(from_sql(row.get(0)?)), at: UnixMs(from_sql(row.get(1)?)) };
            Ok(if row.get(2)? { Appended::Known(receipt) } else { Appended::Conflict })
        });
        appended.optional()
    }

    fn insert(&mut self, key: &NonceKey<'_>, receipt: Receipt, digest: Digest) -> rusqlite::Result<()> {
        let (author, nonce) = (key.author.as_str(), key.nonce.as_str());
        let (seq, at) = (to_sql(receipt.seq.0), to_sql(receipt.at.0));
        self.insert.execute(params![key.room, author, nonce, seq, at, digest.as_bytes()])?;
        Ok(())
    }
}

fn insert(statement: &mut CachedStatement<'_>, room: i64, seq: Seq, draft: &Draft) -> rusqlite::Result<()> {
    statement.execute(params![
        room,
        to_sql(seq.0),
        to_sql(draft.at.0),
        draft.kind.as_str(),
        draft.author.id.as_str(),
        draft.author.name.as_str(),
        draft.nonce.as_ref().map(Nonce::as_str),
        draft.node.as_str(),
        draft.text.as_str(),
        draft.target.map(|target| to_sql(target.0)),
        draft.author.color.map(Hue::degrees),
    ])?;
    Ok(())
}
