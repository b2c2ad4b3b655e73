//! What clients of `/chat` ask for, parsed once.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{
    post::Saying,
    types::{Epoch, Hue, Invalid, Kind, Nonce, RoomName, Seq, UserName},
};

use super::{Refusal, args::Args};

/// A request of `/chat`, parsed.
#[derive(Debug)]
pub enum Request {
    /// Enter a room.
    Join {
        /// The room.
        room: RoomName,
        /// The last message the client has.
        after: Option<Place>,
        /// So many of the newest, if it has none.
        history: Option<u64>,
    },
    /// Leave a room.
    Leave(RoomName),
    /// Say something, or amend what was said.
    Post(RoomName, Nonce, Saying),
    /// Be called something else.
    Rename {
        /// The new name.
        name: UserName,
        /// The new colour; absent: the one of before.
        color: Option<Hue>,
    },
    /// Read back.
    History {
        /// The room.
        room: RoomName,
        /// Before this place.
        before: Seq,
        /// At most so many.
        limit: usize,
    },
    /// Tell the others in a room that one is typing.
    Typing(RoomName),
    /// Who is in a room.
    Who(RoomName),
    /// Which nodes there are.
    Nodes,
    /// Which rooms there are.
    Rooms {
        /// After this one, by name.
        after: Option<RoomName>,
        /// At most so many.
        limit: usize,
    },
}

/// A client's place in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The log that it is in.
    pub epoch: Epoch,
    /// The last message it has.
    pub seq: Seq,
}

/// The most messages that one request gets.
pub const PAGE_MAX: usize = 200;
/// The most messages that one search gets.
pub const FOUND_MAX: usize = 100;
/// The most rooms that one request gets, each with its newest message.
pub const ROOMS_MAX: usize = 100;

/// A count that a client gives: as much as there is, at most `most`.
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
    fn parse<T: FromStr<Err = Invalid>>(given: Option<&String>, field: &str) -> Result<T, Refusal> {
        let missing = || Refusal::new("bad_request", format!("{field:?} is missing"));
        Ok(given.ok_or_else(missing)?.parse()?)
    }

    fn room(&self) -> Result<RoomName, Refusal> {
        Self::parse(self.room.as_ref(), "room")
    }
}

impl Request {
    /// Reads an event. A field that is unknown is stepped over: a newer client may send it.
    ///
    /// # Errors
    ///
    /// What its sender is told.
    pub fn parse(event: &str, args: &Args, text_bytes_max: usize) -> Result<Self, Refusal> {
        let known = ["join", "leave", "post", "rename", "history", "rooms", "typing", "who", "nodes"]
            .contains(&event);
        if !known {
            return Err(Refusal::new("unknown_event", "there is no such event"));
        }
        let object = <[Value; 1]>::try_from(args.parse()).ok().filter(|[fields]| fields.is_object());
        let [fields] =
            object.ok_or_else(|| Refusal::new("bad_request", "an event has one argument, an object"))?;
        let fields: Fields =
            serde_json::from_value(fields).map_err(|error| Refusal::new("bad_request", error.to_string()))?;
        match event {
            "join" => {
                let after =
                    fields.after.as_ref().filter(|after| !after.is_null()).map(Place::parse).transpose()?;
                Ok(Self::Join { room: fields.room()?, after, history: fields.history })
            }
            "leave" => Ok(Self::Leave(fields.room()?)),
            "post" => {
                let nonce = Fields::parse(fields.nonce.as_ref(), "nonce")?;
                let Fields { kind, of, text, .. } = &fields;
                let saying = saying(kind.as_deref(), *of, text.as_deref(), text_bytes_max)?;
                Ok(Self::Post(fields.room()?, nonce, saying))
            }
            "rename" => {
                let name = Fields::parse(fields.name.as_ref(), "name")?;
                Ok(Self::Rename { name, color: color(fields.color.as_ref())? })
            }
            "history" => {
                let (room, limit) = (fields.room()?, limit(fields.limit, PAGE_MAX));
                Ok(Self::History { room, before: Seq(fields.before.unwrap_or(u64::MAX)), limit })
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

/// What a post says; only a deletion needs no text.
///
/// # Errors
///
/// What its sender is told.
pub fn saying(
    kind: Option<&str>,
    of: Option<u64>,
    text: Option<&str>,
    text_bytes_max: usize,
) -> Result<Saying, Refusal> {
    if text.is_none() && kind != Some(Kind::DELETE) {
        return Err(Refusal::new("bad_request", "\"text\" is missing"));
    }
    Ok(Saying::new(kind, of, text.unwrap_or_default(), text_bytes_max)?)
}

/// A colour that a client gives, or none.
///
/// # Errors
///
/// What it is told.
pub fn color(given: Option<&Value>) -> Result<Option<Hue>, Refusal> {
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
    Ok(Some(given.as_u64().ok_or(Invalid::Color)?.try_into()?))
}

impl Place {
    /// Reads `{epoch, seq}`.
    ///
    /// # Errors
    ///
    /// What its sender is told.
    pub fn parse(place: &Value) -> Result<Self, Refusal> {
        let bad = || Refusal::new("bad_request", "a place is {epoch, seq}: a string and a whole number");
        let epoch = place.get("epoch").and_then(Value::as_str).ok_or_else(bad)?.parse()?;
        let seq = Seq(place.get("seq").and_then(Value::as_u64).ok_or_else(bad)?);
        Ok(Self { epoch, seq })
    }
}
