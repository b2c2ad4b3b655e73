//! Decodes rows into domain types, and converts numbers for SQLite.

use std::str::FromStr;

use anyhow::Context as _;
use rusqlite::{Row, types::FromSql};

use crate::chat::model::{Author, Draft, Hue, Message, MessageText, RoomName, Seq, UnixMs, ValidationError};

/// The columns that [`message`] decodes.
pub(crate) const MESSAGE_COLUMNS: &str =
    "seq, at, kind, author_id, author_name, nonce, node, text, of, author_color";

/// Decodes a row of [`MESSAGE_COLUMNS`].
///
/// # Errors
///
/// Names the room, the seq and the column, for an operator.
pub(crate) fn message(room: &RoomName, row: &Row<'_>) -> anyhow::Result<Message> {
    let seq = Seq(from_sql(row.get(0)?));
    let draft = draft(room, row).with_context(|| {
        format!(
            "message {seq} of room {room} cannot be decoded; run `PRAGMA integrity_check` on the log's file"
        )
    })?;
    Ok(Message { seq, draft })
}

fn draft(room: &RoomName, row: &Row<'_>) -> anyhow::Result<Draft> {
    let color = get::<Option<i64>>(row, 9)?.map(|hue| Hue::try_from(from_sql(hue))).transpose();
    let nonce = row.get_ref(5)?.as_str_or_null().with_context(|| column(row, 5))?.map(str::parse);
    Ok(Draft {
        room: room.clone(),
        kind: parse(row, 2)?,
        target: get::<Option<i64>>(row, 8)?.map(|target| Seq(from_sql(target))),
        author: Author {
            id: parse(row, 3)?,
            name: parse(row, 4)?,
            color: color.with_context(|| column(row, 9))?,
        },
        nonce: nonce.transpose().with_context(|| column(row, 5))?,
        text: MessageText::from_log(get(row, 7)?),
        at: UnixMs(from_sql(get(row, 1)?)),
        node: parse(row, 6)?,
        trace: None,
    })
}

/// Decodes a column of the table `room`.
pub(crate) fn room_name(row: &Row<'_>, index: usize) -> anyhow::Result<RoomName> {
    parse(row, index)
        .context("a row of table room cannot be decoded; run `PRAGMA integrity_check` on the log's file")
}

fn get<T: FromSql>(row: &Row<'_>, index: usize) -> anyhow::Result<T> {
    row.get(index).with_context(|| column(row, index))
}

fn parse<T: FromStr<Err = ValidationError>>(row: &Row<'_>, index: usize) -> anyhow::Result<T> {
    let text = row.get_ref(index)?.as_str().with_context(|| column(row, index))?;
    text.parse().with_context(|| column(row, index))
}

fn column(row: &Row<'_>, index: usize) -> String {
    format!("column {}", row.as_ref().column_name(index).unwrap_or("without a name"))
}

/// SQLite's integers are signed: a larger number becomes the largest, which is beyond every stored one.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The log stores no negative numbers.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::ports::MessageLog as _,
        store::{
            contract::log::{append, draft},
            sqlite::testing::Fixture,
        },
    };

    #[tokio::test]
    async fn a_damaged_row_is_named_by_its_room_seq_and_column() {
        let fixture = Fixture::new();
        let log = fixture.open();
        append(&*log, vec![draft("a", "x"), draft("b", "y")]).await;
        for (column, value) in
            [("kind", "''"), ("author_id", "'a b'"), ("nonce", "''"), ("author_color", "360")]
        {
            let connection = fixture.connection();
            let original = format!("SELECT quote({column}) FROM message WHERE seq = 2");
            let original: String = connection.query_row(&original, [], |row| row.get(0)).unwrap();
            let set = |value: &str| {
                let sql = format!("UPDATE message SET {column} = {value} WHERE seq = 2");
                connection.execute(&sql, []).unwrap();
            };
            set(value);
            let error = log.read(&RoomName::lobby(), Seq::ZERO, 10).await.unwrap_err().0;
            let expected = format!(
                "message 2 of room lobby cannot be decoded; run `PRAGMA integrity_check` on the log's file: \
                 column {column}: "
            );
            assert!(format!("{error:#}").starts_with(&expected), "{error:#}");
            set(&original);
            assert_eq!(log.read(&RoomName::lobby(), Seq::ZERO, 10).await.unwrap().len(), 2);
        }

        fixture.connection().execute("UPDATE room SET name = 'a b'", []).unwrap();
        let error = format!("{:#}", log.rooms(None, 10).await.unwrap_err().0);
        assert!(
            error.starts_with("a row of table room cannot be decoded") && error.contains("column name"),
            "{error}"
        );
    }
}
