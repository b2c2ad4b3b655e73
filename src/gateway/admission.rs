//! A socket before it is let in: who it is, and where it was.

use serde_json::Value;

use crate::{
    auth::{Tokens, new_guest},
    chat::{
        service::JoinError,
        types::{Author, RoomName, Seq, UnixMs, UserName},
    },
};

use super::protocol::{
    Refusal,
    request::{Place, color},
};

/// What a native client says when it connects.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) user: Author,
    /// The rooms to be in again, each after the last message that the client has.
    pub(super) rooms: Vec<(RoomName, Place)>,
}

impl Hello {
    /// Reads `{token?, name?, color?, rooms?}`; a client without a token is a new guest.
    ///
    /// # Errors
    ///
    /// What the client is told in place of a connection.
    pub(super) fn parse(
        auth: &Value,
        tokens: &Tokens,
        now: UnixMs,
        rooms_max: usize,
    ) -> Result<Self, Refusal> {
        if !auth.is_null() && !auth.is_object() {
            return Err(Refusal::new("bad_request", "auth is an object"));
        }
        let name = text(auth, "name")?.map(str::parse::<UserName>).transpose()?;
        let color = color(auth.get("color"))?;
        let user = match text(auth, "token")? {
            Some(token) => {
                let mut user =
                    tokens.read(token, now).map_err(|error| Refusal::new("bad_token", error.to_string()))?;
                user.name = name.unwrap_or(user.name);
                user.color = color.or(user.color);
                user
            }
            None => new_guest(name, color)?,
        };
        Ok(Self { user, rooms: rooms(auth, rooms_max)? })
    }
}

fn text<'a>(auth: &'a Value, field: &str) -> Result<Option<&'a str>, Refusal> {
    match auth.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::new("bad_request", format!("auth.{field} is a string"))),
    }
}

fn rooms(auth: &Value, rooms_max: usize) -> Result<Vec<(RoomName, Place)>, Refusal> {
    let rooms = match auth.get("rooms") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(rooms)) => rooms,
        Some(_) => return Err(Refusal::new("bad_request", "auth.rooms is an object of room: {epoch, seq}")),
    };
    if rooms_max < rooms.len() {
        return Err(JoinError::TooManyRooms(rooms_max).into());
    }
    rooms.iter().map(|(room, place)| Ok((room.parse()?, Place::parse(place)?))).collect()
}

/// Where a tutorial client says it is: `{serverOffset: n}`. A string of digits counts as that
/// number, anything else as absent.
pub(super) fn server_offset(auth: &Value) -> Option<Seq> {
    let offset = auth.get("serverOffset")?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match offset {
        Value::Number(number) => number.as_u64().map(Seq),
        // Digits beyond 64 bits are a place beyond any log's head.
        Value::String(text) if !text.is_empty() && digits(text) => {
            Some(Seq(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_offset_is_a_whole_number_or_its_digits() {
        for (offset, seq) in [
            (json!(0), Some(0)),
            (json!(7), Some(7)),
            (json!("42"), Some(42)),
            (json!("99999999999999999999999"), Some(u64::MAX)),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(""), None),
            (json!("7a"), None),
            (json!("-1"), None),
            (json!(null), None),
            (json!({"a": 1}), None),
            (json!([7]), None),
            (json!(true), None),
        ] {
            assert_eq!(server_offset(&json!({ "serverOffset": offset })), seq.map(Seq), "{offset}");
        }
        assert_eq!(server_offset(&json!(null)), None);
        assert_eq!(server_offset(&json!("text")), None);
    }

    #[test]
    fn a_hello_is_read_or_refused_with_a_code() {
        let tokens = Tokens::new(b"key", 1_000);
        let place = json!({ "epoch": "0".repeat(32), "seq": 1 });
        let token = tokens.issue(&Author::anonymous(), UnixMs(0));
        let verdict =
            |auth: Value| Hello::parse(&auth, &tokens, UnixMs(0), 2).map(|_| "ok").unwrap_or_else(|r| r.code);
        for (auth, code) in [
            (json!(null), "ok"),
            (json!({}), "ok"),
            (json!({ "name": "Ada", "token": token }), "ok"),
            (json!({ "color": 359 }), "ok"),
            (json!({ "color": null, "token": token }), "ok"),
            (json!({ "color": 360 }), "bad_color"),
            (json!({ "color": -1 }), "bad_color"),
            (json!({ "color": 1.5 }), "bad_color"),
            (json!({ "color": "red" }), "bad_color"),
            (json!({ "rooms": { "a": place, "b": place } }), "ok"),
            (json!({ "rooms": { "a": place, "b": place, "c": place } }), "too_many_rooms"),
            (json!({ "rooms": { "a b": place } }), "bad_room"),
            (json!({ "rooms": { "a": { "epoch": "x", "seq": 1 } } }), "bad_epoch"),
            (json!({ "rooms": { "a": { "epoch": "0".repeat(32), "seq": -1 } } }), "bad_request"),
            (json!({ "rooms": [] }), "bad_request"),
            (json!({ "token": "junk" }), "bad_token"),
            (json!({ "token": 7 }), "bad_request"),
            (json!({ "name": "a\u{7}" }), "bad_name"),
            (json!("text"), "bad_request"),
            (json!([1]), "bad_request"),
        ] {
            assert_eq!(verdict(auth.clone()), code, "{auth}");
        }
    }
}
