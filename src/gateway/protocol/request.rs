//! Requests of `/chat`, parsed once.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    chat::{
        model::{Hue, Kind, RoomName, RoomPosition, Seq, UserName, ValidationError},
        publish::post::{Post, PostBody},
    },
    gateway::protocol::{ErrorCode, EventArgs, Refusal},
};

/// A request of `/chat`.
#[derive(Debug)]
pub enum Request {
    /// Enter a room.
    Join {
        /// The room.
        room: RoomName,
        /// What the client already has.
        after: Option<RoomPosition>,
        /// How many of the newest messages to send, if it has nothing.
        history: Option<u64>,
    },
    /// Leave a room.
    Leave(RoomName),
    /// Post a message or an amendment; it has a nonce.
    Post(Post),
    /// Change the user's name.
    Rename {
        /// The new name.
        name: UserName,
        /// The new colour; `None` keeps the old one.
        color: Option<Hue>,
    },
    /// Read earlier messages.
    History {
        /// The room.
        room: RoomName,
        /// Before this seq.
        before: Seq,
        /// The most to return.
        limit: usize,
    },
    /// Tell the other members of a room that the user is typing.
    Typing(RoomName),
    /// List a room's members.
    Who(RoomName),
    /// List the nodes.
    Nodes,
    /// List rooms.
    Rooms {
        /// Rooms after this one, by name.
        after: Option<RoomName>,
        /// The most to return.
        limit: usize,
    },
}

/// The most messages that one request gets.
pub const PAGE_MAX: usize = 200;
/// The most messages that one search gets.
pub const FOUND_MAX: usize = 100;
/// The most rooms that one request gets, each with its newest message.
pub const ROOMS_MAX: usize = 100;

/// The limit that a client asks for: from 1 to `most`, and `most` without one.
#[must_use]
pub fn limit(given: Option<u64>, most: usize) -> usize {
    given.and_then(|given| usize::try_from(given).ok()).unwrap_or(most).clamp(1, most)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    room: Option<String>,
    after: Option<Value>,
    history: Option<u64>,
    nonce: Option<String>,
    text: Option<String>,
    kind: Option<String>,
    of: Option<u64>,
    name: Option<String>,
    color: Option<Value>,
    before: Option<u64>,
    limit: Option<u64>,
}

impl Fields {
    fn parse<T: FromStr<Err = ValidationError>>(given: Option<&String>, field: &str) -> Result<T, Refusal> {
        let missing = || Refusal::new(ErrorCode::BadRequest, format!("{field:?} is missing"));
        Ok(given.ok_or_else(missing)?.parse()?)
    }

    fn room(&self) -> Result<RoomName, Refusal> {
        Self::parse(self.room.as_ref(), "room")
    }
}

impl Request {
    /// Reads an event. Unknown fields are ignored: a newer client may send them.
    pub fn parse(event: &str, args: &EventArgs, text_bytes_max: usize) -> Result<Self, Refusal> {
        let known = ["join", "leave", "post", "rename", "history", "rooms", "typing", "who", "nodes"]
            .contains(&event);
        if !known {
            return Err(Refusal::new(ErrorCode::UnknownEvent, "there is no such event"));
        }
        let object = <[Value; 1]>::try_from(args.parse()).ok().filter(|[fields]| fields.is_object());
        let [fields] = object
            .ok_or_else(|| Refusal::new(ErrorCode::BadRequest, "an event has one argument, an object"))?;
        let fields: Fields = serde_json::from_value(fields)
            .map_err(|error| Refusal::new(ErrorCode::BadRequest, error.to_string()))?;
        match event {
            "join" => {
                let after = fields.after.as_ref().filter(|after| !after.is_null());
                let after = after.map(room_position).transpose()?;
                Ok(Self::Join { room: fields.room()?, after, history: fields.history })
            }
            "leave" => Ok(Self::Leave(fields.room()?)),
            "post" => {
                let nonce = Fields::parse(fields.nonce.as_ref(), "nonce")?;
                let Fields { kind, of, text, .. } = &fields;
                let body = post_body(kind.as_deref(), *of, text.as_deref(), text_bytes_max)?;
                Ok(Self::Post(Post { room: fields.room()?, nonce: Some(nonce), body, trace: None }))
            }
            "rename" => {
                let name = Fields::parse(fields.name.as_ref(), "name")?;
                Ok(Self::Rename { name, color: color(fields.color.as_ref())? })
            }
            "history" => {
                let (room, limit) = (fields.room()?, limit(fields.limit, PAGE_MAX));
                Ok(Self::History { room, before: fields.before.map_or(Seq::MAX, Seq), limit })
            }
            "rooms" => {
                let after = fields.after.as_ref().and_then(Value::as_str).map(str::parse).transpose()?;
                Ok(Self::Rooms { after, limit: limit(fields.limit, ROOMS_MAX) })
            }
            "typing" => Ok(Self::Typing(fields.room()?)),
            "who" => Ok(Self::Who(fields.room()?)),
            _ => Ok(Self::Nodes),
        }
    }
}

/// The content of a post; only a deletion needs no text.
pub fn post_body(
    kind: Option<&str>,
    target: Option<u64>,
    text: Option<&str>,
    text_bytes_max: usize,
) -> Result<PostBody, Refusal> {
    if text.is_none() && kind != Some(Kind::Delete.as_str()) {
        return Err(Refusal::new(ErrorCode::BadRequest, "\"text\" is missing"));
    }
    Ok(PostBody::new(kind, target, text.unwrap_or_default(), text_bytes_max)?)
}

/// A user's colour, if one is given.
pub fn color(given: Option<&Value>) -> Result<Option<Hue>, Refusal> {
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
    Ok(Some(given.as_u64().ok_or(ValidationError::Color)?.try_into()?))
}

/// Reads a position: `{epoch, seq}`.
pub fn room_position(position: &Value) -> Result<RoomPosition, Refusal> {
    let bad =
        || Refusal::new(ErrorCode::BadRequest, "a position is {epoch, seq}: a string and a whole number");
    let epoch = position.get("epoch").and_then(Value::as_str).ok_or_else(bad)?.parse()?;
    let seq = Seq(position.get("seq").and_then(Value::as_u64).ok_or_else(bad)?);
    Ok(RoomPosition { epoch, seq })
}
