//! How rows of the database become messages, and numbers become columns.

use rusqlite::Row;

use crate::chat::model::{Author, Draft, Hue, Message, MessageText, RoomName, Seq, UnixMs};

/// A message out of a row of [`MESSAGE_COLUMNS`].
pub(crate) fn message(room: &RoomName, row: &Row<'_>) -> anyhow::Result<Message> {
    let text = |column| row.get_ref(column)?.as_str().map_err(anyhow::Error::from);
    let nonce = row.get_ref(5)?.as_str_or_null()?.map(str::parse).transpose()?;
    let draft = Draft {
        room: room.clone(),
        kind: text(2)?.parse()?,
        target: row.get::<_, Option<i64>>(8)?.map(|target| Seq(from_sql(target))),
        author: Author {
            id: text(3)?.parse()?,
            name: text(4)?.parse()?,
            color: row.get::<_, Option<i64>>(9)?.map(|hue| Hue::try_from(from_sql(hue))).transpose()?,
        },
        nonce,
        text: MessageText::from_log(row.get(7)?),
        at: UnixMs(from_sql(row.get(1)?)),
        node: text(6)?.parse()?,
        trace: None,
    };
    Ok(Message { seq: Seq(from_sql(row.get(0)?)), draft })
}

/// What [`message`] reads, in its order.
pub(crate) const MESSAGE_COLUMNS: &str =
    "seq, at, kind, author_id, author_name, nonce, node, text, of, author_color";

/// SQLite's integers are signed; what is beyond them is beyond every message.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// No number of ours is negative in the file.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
