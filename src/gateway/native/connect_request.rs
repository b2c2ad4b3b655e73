//! What a client of `/chat` sends when it connects.

use serde_json::Value;

use crate::{
    auth::{Tokens, new_guest},
    chat::{
        model::{Author, RoomName, RoomPosition, UnixMs, UserName},
        service::JoinError,
    },
    gateway::protocol::{
        ErrorCode, Refusal,
        request::{color, room_position},
    },
};

/// The `auth` of a connect, parsed.
#[derive(Clone, Debug)]
pub(super) struct ConnectRequest {
    pub(super) user: Author,
    /// The rooms to rejoin, each after the last message that the client has.
    pub(super) rooms: Vec<(RoomName, RoomPosition)>,
}

impl ConnectRequest {
    /// Reads `{token?, name?, color?, rooms?}`; a client without a token is a new guest.
    ///
    /// # Errors
    ///
    /// The connect error for the client.
    pub(super) fn parse(
        auth: &Value,
        tokens: &Tokens,
        now: UnixMs,
        rooms_max: usize,
    ) -> Result<Self, Refusal> {
        if !auth.is_null() && !auth.is_object() {
            return Err(Refusal::new(ErrorCode::BadRequest, "auth is an object"));
        }
        let name = text(auth, "name")?.map(str::parse::<UserName>).transpose()?;
        let color = color(auth.get("color"))?;
        let user = match text(auth, "token")? {
            Some(token) => {
                let bearer = tokens.read(token, now);
                let mut user =
                    bearer.map_err(|error| Refusal::new(ErrorCode::BadToken, error.to_string()))?;
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
        Some(_) => Err(Refusal::new(ErrorCode::BadRequest, format!("auth.{field} is a string"))),
    }
}

fn rooms(auth: &Value, rooms_max: usize) -> Result<Vec<(RoomName, RoomPosition)>, Refusal> {
    let rooms = match auth.get("rooms") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(rooms)) => rooms,
        Some(_) => {
            return Err(Refusal::new(ErrorCode::BadRequest, "auth.rooms is an object of room: {epoch, seq}"));
        }
    };
    if rooms_max < rooms.len() {
        return Err(JoinError::TooManyRooms(rooms_max).into());
    }
    rooms.iter().map(|(room, position)| Ok((room.parse()?, room_position(position)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hello_is_read_or_refused_with_a_code() {
        let tokens = Tokens::new(b"key", 1_000);
        let position = json!({ "epoch": "0".repeat(32), "seq": 1 });
        let token = tokens.issue(&Author::anonymous(), UnixMs(0));
        let verdict = |auth: Value| {
            ConnectRequest::parse(&auth, &tokens, UnixMs(0), 2).map_or_else(|r| r.code.as_str(), |_| "ok")
        };
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
            (json!({ "rooms": { "a": position, "b": position } }), "ok"),
            (json!({ "rooms": { "a": position, "b": position, "c": position } }), "too_many_rooms"),
            (json!({ "rooms": { "a b": position } }), "bad_room"),
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
