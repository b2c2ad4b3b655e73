//! Responses and events as JSON.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    chat::{
        model::{Author, Epoch, Hue, Message, Nonce, RoomName, UserId},
        ports::{ListedRoom, NodeStatus, Receipt},
        presence::{room_presence::PresenceChange, tracker::RoomMembers},
        service::{History, Joined},
    },
    config,
};

/// An author as clients see one.
#[derive(Serialize)]
pub struct AuthorJson<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<u16>,
}

impl<'a> From<&'a Author> for AuthorJson<'a> {
    fn from(author: &'a Author) -> Self {
        let color = author.color.map(Hue::degrees);
        Self { id: author.id.as_str(), name: author.name.as_str(), color }
    }
}

/// A message as clients see it.
#[derive(Serialize)]
pub struct MessageJson<'a> {
    room: &'a str,
    seq: u64,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    author: AuthorJson<'a>,
    text: &'a str,
    at: u64,
    /// Present only for the author's own sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    node: &'a str,
}

impl<'a> MessageJson<'a> {
    /// The message as `reader` sees it; `None` is a reader without an identity.
    #[must_use]
    pub fn new(message: &'a Message, reader: Option<&Author>) -> Self {
        let draft = &message.draft;
        let own = reader.is_some_and(|reader| reader.id == draft.author.id);
        Self {
            room: draft.room.as_str(),
            seq: message.seq.0,
            kind: draft.kind.as_str(),
            of: draft.target.map(|target| target.0),
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
    /// The client sends it with every later connect.
    pub token: String,
    /// The client's user.
    pub user: AuthorJson<'a>,
    /// The node that it is connected to.
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
    /// Posts per second; 0 means no limit.
    pub messages_per_second: u32,
    /// Rooms at one time.
    pub rooms_per_session: usize,
    /// Requests that may wait for their response at one time.
    pub requests_in_flight: usize,
}

impl From<&config::Limits> for LimitsJson {
    fn from(limits: &config::Limits) -> Self {
        Self {
            max_message_bytes: limits.max_message_bytes,
            messages_per_second: limits.messages_per_second,
            rooms_per_session: limits.rooms_per_session,
            requests_in_flight: limits.requests_in_flight,
        }
    }
}

/// The response to `join`.
#[must_use]
pub fn joined_json(joined: Joined, epoch: Epoch) -> Value {
    json!({ "head": joined.head.0, "epoch": epoch.to_string(), "recovered": joined.recovered })
}

/// The response to `post`.
#[must_use]
pub fn receipt_json(receipt: Receipt) -> Value {
    json!({ "seq": receipt.seq.0, "at": receipt.at.0 })
}

/// A page of messages, and whether more follow in its direction.
#[must_use]
pub fn page_json(messages: &[Arc<Message>], more: bool, reader: Option<&Author>) -> Value {
    json!({ "messages": messages_json(messages, reader), "more": more })
}

/// A page of history with its amendments.
#[must_use]
pub fn history_json(history: &History, reader: Option<&Author>) -> Value {
    let mut page = page_json(&history.messages, history.more, reader);
    page["amendments"] = json!(messages_json(&history.amendments, reader));
    page
}

fn messages_json<'a>(messages: &'a [Arc<Message>], reader: Option<&Author>) -> Vec<MessageJson<'a>> {
    messages.iter().map(|message| MessageJson::new(message, reader)).collect()
}

/// A list of rooms.
#[must_use]
pub fn rooms_json(rooms: &[ListedRoom], reader: Option<&Author>) -> Value {
    let room = |listed: &ListedRoom| {
        let mut room = json!({ "room": listed.room.as_str(), "head": listed.extent.head.0 });
        if let Some(last) = &listed.last {
            room["last"] = json!(MessageJson::new(last, reader));
        }
        room
    };
    json!({ "rooms": rooms.iter().map(room).collect::<Vec<_>>() })
}

/// The response to `who`.
#[must_use]
pub fn members_json(room: &RoomMembers) -> Value {
    let members: Vec<_> = room.list.members.iter().map(AuthorJson::from).collect();
    json!({ "members": members, "count": room.list.count, "complete": room.complete })
}

/// The event `presence`: a change among a room's members.
#[must_use]
pub fn presence_json(room: &RoomName, change: &PresenceChange) -> Value {
    let joined: Vec<_> = change.joined.iter().map(AuthorJson::from).collect();
    let left: Vec<_> = change.left.iter().map(UserId::as_str).collect();
    json!({ "room": room.as_str(), "joined": joined, "left": left, "count": change.count })
}

/// The response to `nodes`. The first node is this one.
#[must_use]
pub fn nodes_json(nodes: &[NodeStatus]) -> Value {
    let node = |node: &NodeStatus| json!({ "id": node.id.as_str(), "sessions": node.sessions, "since": node.since.0 });
    let own = nodes.first().map(|own| own.id.as_str());
    json!({ "node": own, "nodes": nodes.iter().map(node).collect::<Vec<_>>() })
}

/// A user and a token for it.
#[must_use]
pub fn identity_json(user: &Author, token: &str) -> Value {
    json!({ "token": token, "user": AuthorJson::from(user) })
}
