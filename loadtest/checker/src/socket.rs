//! Socket.IO v5 packets of one namespace, read without copying what is only looked at.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A namespace, as it stands in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix(pub &'static str);

/// The prefix of namespace `/`.
pub const TUTORIAL: Prefix = Prefix("");
/// The prefix of namespace `/chat`.
pub const CHAT: Prefix = Prefix("/chat,");

/// A packet from the server.
#[derive(Debug)]
pub enum Packet<'a> {
    /// The socket is connected.
    Connected,
    /// It is not, and here is why, as JSON.
    Refused(&'a str),
    /// An event, and the number of the ack that it asks for.
    Event(Option<u64>, &'a str),
    /// The arguments of an ack, as JSON.
    Ack(u64, &'a str),
    /// The server ends the socket.
    Disconnected,
}

impl<'a> Packet<'a> {
    /// Reads what follows Engine.IO's `4`. `None` if it is not of this namespace, or malformed.
    #[must_use]
    pub fn read(text: &'a str, prefix: Prefix) -> Option<Self> {
        let kind = *text.as_bytes().first()?;
        let rest = text.get(1..)?.strip_prefix(prefix.0)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, body) = rest.split_at(digits);
        let number = number.parse().ok();
        match kind {
            // A payload may follow; the namespace without one has no comma.
            b'0' => Some(Self::Connected),
            b'1' => Some(Self::Disconnected),
            b'2' => Some(Self::Event(number, body)),
            b'3' => Some(Self::Ack(number?, body)),
            b'4' => Some(Self::Refused(body)),
            _ => None,
        }
    }
}

/// An event with an ack, ready to be sent.
#[must_use]
pub fn event(prefix: Prefix, ack: u64, args: &serde_json::Value) -> String {
    format!("42{}{ack}{args}", prefix.0)
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// `/`: a content and its place.
    ChatMessage(Cow<'a, str>, u64),
    /// `/chat`: a live message.
    Message(Message<'a>),
    /// `/chat`: a page of what was missed.
    Messages(Vec<Message<'a>>),
    /// `/chat`: who this client is, and where.
    Session(&'a RawValue),
    /// Something the client could not find out by itself.
    Notice(Code<'a>),
    /// An event that is not known.
    Other,
}

/// A message of `/chat`, as far as it is looked at.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// Where it is said.
    #[serde(borrow)]
    pub room: Cow<'a, str>,
    /// Its place there.
    pub seq: u64,
    /// What was said.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// The node that stored it.
    #[serde(borrow)]
    pub node: Cow<'a, str>,
}

/// What has a code.
#[derive(Debug, Deserialize)]
pub struct Code<'a> {
    /// For programs.
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
        f.write_str("an array of an event's name and its arguments")
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
        // Arguments may be added.
        while args.next_element::<IgnoredAny>()?.is_some() {}
        Ok(event)
    }
}

/// A string that is copied only if it has escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// The answer to a request on `/chat`.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// It was done.
    pub ok: Option<Done>,
    /// It was not.
    pub error: Option<Refusal>,
}

/// What a post's answer says; other answers' fields are stepped over.
#[derive(Debug, Deserialize)]
pub struct Done {
    /// The message's place.
    pub seq: Option<u64>,
}

/// Why something was refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// For programs.
    pub code: String,
    /// Whether and when to ask again.
    pub retry_after_ms: Option<u64>,
}

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
                r#"Notice(Code { code: "history_pruned" })"#,
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
