//! Parses Socket.IO v5 packets of one namespace, borrowing strings where possible.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// How a namespace appears in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix(pub &'static str);

/// The prefix of namespace `/`.
pub const TUTORIAL: Prefix = Prefix("");
/// The prefix of namespace `/chat`.
pub const CHAT: Prefix = Prefix("/chat,");

/// A packet from the server.
#[derive(Debug)]
pub enum Packet<'a> {
    /// CONNECT.
    Connected,
    /// CONNECT_ERROR, with its JSON.
    Refused(&'a str),
    /// EVENT, with the id of the ack that it wants and its JSON.
    Event(Option<u64>, &'a str),
    /// ACK, with its id and the JSON of its arguments.
    Ack(u64, &'a str),
    /// DISCONNECT.
    Disconnected,
}

impl<'a> Packet<'a> {
    /// Parses what follows Engine.IO's `4`; `None` if malformed or of another namespace.
    #[must_use]
    pub fn read(text: &'a str, prefix: Prefix) -> Option<Self> {
        let kind = *text.as_bytes().first()?;
        let rest = text.get(1..)?.strip_prefix(prefix.0)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, body) = rest.split_at(digits);
        let number = number.parse().ok();
        match kind {
            b'0' => Some(Self::Connected),
            b'1' => Some(Self::Disconnected),
            b'2' => Some(Self::Event(number, body)),
            b'3' => Some(Self::Ack(number?, body)),
            b'4' => Some(Self::Refused(body)),
            _ => None,
        }
    }
}

/// Encodes an event that wants an ack.
pub(crate) fn event(prefix: Prefix, ack: u64, args: &serde_json::Value) -> String {
    format!("42{}{ack}{args}", prefix.0)
}

/// An event from the server.
#[derive(Debug)]
pub enum Event<'a> {
    /// `/`: a message's text and seq.
    ChatMessage(Cow<'a, str>, u64),
    /// `/chat`: a live message.
    Message(Message<'a>),
    /// `/chat`: a page of missed messages.
    Messages(Vec<Message<'a>>),
    /// `/chat`: the session, as JSON.
    Session(&'a RawValue),
    /// Either namespace: a notice.
    Notice(NoticeCode<'a>),
    /// Any other event.
    Other,
}

/// The fields of a `/chat` message that the load test uses.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// The room's name.
    #[serde(borrow)]
    pub room: Cow<'a, str>,
    /// Position in the room, from 1.
    pub seq: u64,
    /// The body.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// The node that stored it.
    #[serde(borrow)]
    pub node: Cow<'a, str>,
}

/// The code of a notice.
#[derive(Debug, Deserialize)]
pub struct NoticeCode<'a> {
    /// Stable identifier.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Event<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of an event name and its arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut args: A) -> Result<Event<'de>, A::Error> {
        fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(args: &mut A) -> Result<T, A::Error> {
            args.next_element()?.ok_or_else(|| A::Error::custom("an argument is missing"))
        }
        let name: Cow<'de, str> = next::<Borrowed<'de>, _>(&mut args)?.0;
        let event = match &*name {
            "chat message" => Event::ChatMessage(next::<Borrowed<'de>, _>(&mut args)?.0, next(&mut args)?),
            "message" => Event::Message(next(&mut args)?),
            "messages" => Event::Messages(next(&mut args)?),
            "session" => Event::Session(next(&mut args)?),
            "notice" => Event::Notice(next(&mut args)?),
            _ => Event::Other,
        };
        // Later protocol versions may add arguments.
        while args.next_element::<IgnoredAny>()?.is_some() {}
        Ok(event)
    }
}

/// A string that is copied only if it contains escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, prefix: Prefix) -> String {
        Packet::read(text, prefix).map_or_else(|| "nothing".to_owned(), |packet| format!("{packet:?}"))
    }

    #[test]
    fn packets_are_read_in_their_namespace() {
        for (text, prefix, wanted) in [
            ("0/chat,{\"sid\":\"x\"}", CHAT, "Connected"),
            ("0{\"sid\":\"x\"}", TUTORIAL, "Connected"),
            ("4/chat,{\"message\":\"no\"}", CHAT, r#"Refused("{\"message\":\"no\"}")"#),
            ("2/chat,17[\"messages\",[]]", CHAT, r#"Event(Some(17), "[\"messages\",[]]")"#),
            ("2[\"x\"]", TUTORIAL, r#"Event(None, "[\"x\"]")"#),
            ("35[]", TUTORIAL, r#"Ack(5, "[]")"#),
            ("1/chat,", CHAT, "Disconnected"),
            ("2[\"x\"]", CHAT, "nothing"),
            ("3[]", TUTORIAL, "nothing"),
            ("", CHAT, "nothing"),
        ] {
            assert_eq!(read(text, prefix), wanted, "{text}");
        }
    }

    #[test]
    fn events_are_read_and_what_is_not_known_is_stepped_over() {
        let message = r#"{"room":"lobby","seq":7,"kind":"text","author":{"id":"a","name":"A"},"text":"a\"b","at":1,"node":"n1"}"#;
        for (text, wanted) in [
            (r#"["chat message","hi",42]"#.to_owned(), r#"ChatMessage("hi", 42)"#),
            (format!(r#"["message",{message},"more"]"#), r#"seq: 7, text: "a\"b", node: "n1""#),
            (format!(r#"["messages",[{message},{message}]]"#), "Messages([Message"),
            (
                r#"["notice",{"code":"history_pruned","upto":3}]"#.to_owned(),
                r#"Notice(NoticeCode { code: "history_pruned" })"#,
            ),
            (r#"["typing",{"room":"x"}]"#.to_owned(), "Other"),
        ] {
            let event = format!("{:?}", serde_json::from_str::<Event<'_>>(&text).unwrap());
            assert!(event.contains(wanted), "{text}: {event}");
        }
        for bad in ["[]", r#"["message"]"#, r#"["chat message","x"]"#, "{}"] {
            assert!(serde_json::from_str::<Event<'_>>(bad).is_err(), "{bad}");
        }
    }
}
