//! The native protocol's words: events, requests, answers and codes.
//!
//! `docs/PROTOCOL.md` describes them for clients. Fields are added, never renamed.

use std::{collections::BTreeMap, fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};

use crate::chat::{
    ports::{ReadError, Receipt},
    service::{JoinError, Joined, PostError},
    types::{Author, Epoch, Invalid, Message, MessageText, Nonce, RoomName, Seq},
};

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// What went wrong, for programs; stable.
    pub code: &'static str,
    /// What went wrong, for people.
    pub detail: String,
    /// If waiting helps: this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// How long a client waits after a refusal that passes by itself.
const RETRY_AFTER_MS: u64 = 1_000;

impl Refusal {
    /// A refusal that no waiting mends.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    fn passing(code: &'static str, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), retry_after_ms: Some(RETRY_AFTER_MS) }
    }

    /// As the argument of an ack, or the body of a response.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "error": self })
    }
}

/// As a connect error's message: `code: detail`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let code = match invalid {
            Invalid::Room => "bad_room",
            Invalid::Nonce => "bad_nonce",
            Invalid::Text { .. } => "bad_text",
            Invalid::Name => "bad_name",
            Invalid::User => "bad_user",
            Invalid::Kind => "bad_kind",
            Invalid::Epoch => "bad_epoch",
        };
        Self::new(code, invalid.to_string())
    }
}

impl From<PostError> for Refusal {
    fn from(error: PostError) -> Self {
        match error {
            PostError::NonceConflict => Self::new("nonce_conflict", error.to_string()),
            PostError::RetryFirst => Self::passing("retry_first", error),
            PostError::RateLimited { retry_after_ms } => {
                Self { code: "rate_limited", detail: error.to_string(), retry_after_ms: Some(retry_after_ms) }
            }
            PostError::Overloaded => Self::passing("overloaded", error),
            PostError::Busy => Self::passing("busy", error),
            PostError::Unavailable => Self::passing("unavailable", error),
            PostError::Unknown => Self::passing("unknown", error),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        // The cause is for operators; clients learn only that waiting helps.
        tracing::warn!(error = &error as &dyn std::error::Error, "a request could not read the log");
        Self::passing("unavailable", error)
    }
}

impl From<JoinError> for Refusal {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::TooManyRooms(_) => Self::new("too_many_rooms", error.to_string()),
            JoinError::Read(error) => error.into(),
        }
    }
}

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
    /// Say something.
    Post(RoomName, Nonce, MessageText),
    /// Read back.
    History {
        /// The room.
        room: RoomName,
        /// Before this place.
        before: Seq,
        /// At most so many.
        limit: usize,
    },
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

/// The most messages, or rooms, that one request gets.
pub const PAGE_MAX: usize = 200;

/// A count that a client gives: as much as there is, at most a page.
#[must_use]
pub fn page_limit(given: Option<u64>) -> usize {
    given.and_then(|given| usize::try_from(given).ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    room: Option<String>,
    after: Option<Value>,
    history: Option<u64>,
    nonce: Option<String>,
    text: Option<String>,
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
        let known = ["join", "leave", "post", "history", "rooms", "typing", "who"].contains(&event);
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
                let text =
                    fields.text.as_ref().ok_or_else(|| Refusal::new("bad_request", "\"text\" is missing"))?;
                Ok(Self::Post(fields.room()?, nonce, MessageText::new(text, text_bytes_max)?))
            }
            "history" => {
                let (room, limit) = (fields.room()?, page_limit(fields.limit));
                Ok(Self::History { room, before: Seq(fields.before.unwrap_or(u64::MAX)), limit })
            }
            "rooms" => {
                let after = fields.after.as_ref().and_then(Value::as_str).map(str::parse).transpose()?;
                Ok(Self::Rooms { after, limit: page_limit(fields.limit) })
            }
            _ => Err(Refusal::new("not_implemented", "this node does not do that yet")),
        }
    }
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

/// An event's first arguments as they were written: parsed, some would take many times their size while they wait.
#[derive(Debug)]
pub struct Args(Vec<Box<RawValue>>);

/// No event has more arguments than two; what comes after these is not kept.
const ARGS_MAX: usize = 4;

impl Args {
    /// Their size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|arg| arg.get().len()).sum()
    }

    /// The arguments themselves.
    #[must_use]
    pub fn parse(&self) -> Vec<Value> {
        // They were read as JSON; what it cannot hold (a number beyond its range) counts as null.
        self.0.iter().map(|arg| serde_json::from_str(arg.get()).unwrap_or_default()).collect()
    }
}

/// The parser gives an event's arguments one by one only to a type that is a tuple; this one takes any number.
impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<'de>(PhantomData<&'de ()>);

        impl<'de> Visitor<'de> for All<'de> {
            type Value = Args;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event's arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut args: A) -> Result<Args, A::Error> {
                let mut first = Vec::new();
                while first.len() < ARGS_MAX {
                    let Some(arg) = args.next_element()? else { return Ok(Args(first)) };
                    first.push(arg);
                }
                while args.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Args(first))
            }
        }

        deserializer.deserialize_tuple_struct("Args", usize::MAX, All(PhantomData))
    }
}

/// An author as clients see one.
#[derive(Serialize)]
pub struct AuthorJson<'a> {
    id: &'a str,
    name: &'a str,
}

impl<'a> From<&'a Author> for AuthorJson<'a> {
    fn from(author: &'a Author) -> Self {
        Self { id: author.id.as_str(), name: author.name.as_str() }
    }
}

/// A message as clients see it.
#[derive(Serialize)]
pub struct MessageJson<'a> {
    room: &'a str,
    seq: u64,
    kind: &'a str,
    author: AuthorJson<'a>,
    text: &'a str,
    at: u64,
    /// Only its author's sessions are told the nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    node: &'a str,
}

impl<'a> MessageJson<'a> {
    /// The message as `reader` sees it; `None` is nobody's session.
    #[must_use]
    pub fn new(message: &'a Message, reader: Option<&Author>) -> Self {
        let draft = &message.draft;
        let own = reader.is_some_and(|reader| reader.id == draft.author.id);
        Self {
            room: draft.room.as_str(),
            seq: message.seq.0,
            kind: draft.kind.as_str(),
            author: (&draft.author).into(),
            text: draft.text.as_str(),
            at: draft.at.0,
            nonce: draft.nonce.as_ref().filter(|_| own).map(Nonce::as_str),
            node: draft.node.as_str(),
        }
    }
}

/// The first event of a session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionJson<'a> {
    /// The Socket.IO session.
    pub session: String,
    /// To be sent on every later connect.
    pub token: String,
    /// Who the client is.
    pub user: AuthorJson<'a>,
    /// The node it is on.
    pub node: &'a str,
    /// The log's identity.
    pub epoch: String,
    /// What the client may do.
    pub limits: LimitsJson,
    /// The rooms that were joined on connect.
    pub rooms: BTreeMap<String, Value>,
}

/// What a client may do.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitsJson {
    /// The longest text, in bytes of UTF-8.
    pub max_message_bytes: usize,
    /// Posts a second; 0 has no limit.
    pub messages_per_second: u32,
    /// Rooms at one time.
    pub rooms_per_session: usize,
    /// Requests that may wait for their answer at one time.
    pub requests_in_flight: usize,
}

/// A join's answer.
#[must_use]
pub fn joined_json(joined: Joined, epoch: Epoch) -> Value {
    json!({ "head": joined.head.0, "epoch": epoch.to_string(), "recovered": joined.recovered })
}

/// A post's answer.
#[must_use]
pub fn receipt_json(receipt: Receipt) -> Value {
    json!({ "seq": receipt.seq.0, "at": receipt.at.0 })
}

/// A page of history.
#[must_use]
pub fn page_json(messages: &[std::sync::Arc<Message>], more: bool, reader: Option<&Author>) -> Value {
    let messages: Vec<_> = messages.iter().map(|message| MessageJson::new(message, reader)).collect();
    json!({ "messages": messages, "more": more })
}

/// A list of rooms.
#[must_use]
pub fn rooms_json(rooms: &[crate::chat::ports::RoomExtent]) -> Value {
    let rooms: Vec<_> = rooms
        .iter()
        .map(|known| json!({ "room": known.room.as_str(), "head": known.extent.head.0 }))
        .collect();
    json!({ "rooms": rooms })
}
