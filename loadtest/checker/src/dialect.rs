//! The events of the two namespaces: how each connects, joins, posts and answers.

use std::{collections::HashMap, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    outbox::Outcome,
    packet::{CHAT, Prefix, TUTORIAL, event},
};

/// The protocol of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/`: the Socket.IO tutorial's events.
    Tutorial,
    /// `/chat`: the native protocol.
    Native,
}

/// A client's position in its room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) room: &'a str,
    pub(crate) epoch: &'a str,
    /// The highest seq shown.
    pub(crate) seq: u64,
}

/// The first event on `/chat`.
#[derive(Debug, Deserialize)]
pub(crate) struct Session {
    /// Identifies the client at later connects.
    pub(crate) token: String,
    pub(crate) node: String,
    /// The rooms that the node has rejoined for the client.
    pub(crate) rooms: HashMap<String, Joined>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Joined {
    /// The room's newest seq when the client joined.
    pub(crate) head: u64,
    /// Whether the client gets everything after its cursor.
    pub(crate) recovered: bool,
}

/// The answer to a post.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Stored, with the seq if the namespace tells it.
    Stored(Option<u64>),
    /// Refused with this code.
    Refused(String, Outcome),
}

/// The response to a request on `/chat`; `/` has the same errors.
#[derive(Debug, Deserialize)]
struct Response {
    ok: Option<Posted>,
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Posted {
    seq: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    code: String,
    /// Present if the error is retryable.
    retry_after_ms: Option<u64>,
}

impl Dialect {
    /// The namespace as it appears in packets.
    #[must_use]
    pub fn prefix(self) -> Prefix {
        match self {
            Self::Tutorial => TUTORIAL,
            Self::Native => CHAT,
        }
    }

    /// Encodes the connect packet. A native client names its room only after it has `joined` once.
    pub(crate) fn connect(self, cursor: Cursor<'_>, joined: bool, token: Option<&str>) -> String {
        let mut auth = json!({});
        match self {
            Self::Tutorial => auth["serverOffset"] = cursor.seq.into(),
            Self::Native => {
                if let Some(token) = token {
                    auth["token"] = token.into();
                }
                if joined {
                    auth["rooms"][cursor.room] = json!({ "epoch": cursor.epoch, "seq": cursor.seq });
                }
            }
        }
        format!("40{}{auth}", self.prefix().0)
    }

    /// Encodes a native client's first join.
    pub(crate) fn join(cursor: Cursor<'_>, ack: u64) -> String {
        let after = json!({ "epoch": cursor.epoch, "seq": cursor.seq });
        event(CHAT, ack, &json!(["join", { "room": cursor.room, "after": after }]))
    }

    pub(crate) fn post(self, room: &str, nonce: &str, text: &str, ack: u64) -> String {
        let args = match self {
            Self::Tutorial => json!(["chat message", text, nonce]),
            Self::Native => json!(["post", { "room": room, "nonce": nonce, "text": text }]),
        };
        event(self.prefix(), ack, &args)
    }

    /// Parses the arguments of a post's ack.
    pub(crate) fn reply(self, args: &str) -> Reply {
        let response = serde_json::from_str::<Vec<Value>>(args).unwrap_or_default().pop();
        let response = response.and_then(|response| serde_json::from_value::<Response>(response).ok());
        let refusal = response.as_ref().and_then(|response| response.error.as_ref());
        let retry_after_ms = refusal.and_then(|refusal| refusal.retry_after_ms);
        let outcome =
            retry_after_ms.map_or(Outcome::Settled, |ms| Outcome::RetryAfter(Duration::from_millis(ms)));
        match (self, refusal, response.as_ref().and_then(|response| response.ok.as_ref())) {
            (_, Some(refusal), _) => Reply::Refused(refusal.code.clone(), outcome),
            (Self::Tutorial, None, _) => Reply::Stored(None),
            (Self::Native, None, Some(posted)) if posted.seq.is_some() => Reply::Stored(posted.seq),
            (Self::Native, ..) => Reply::Refused("malformed response".to_owned(), Outcome::Settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_both_dialects() {
        let refused = |code: &str, outcome| Reply::Refused(code.to_owned(), outcome);
        let retry = Outcome::RetryAfter(Duration::from_millis(250));
        for (dialect, args, wanted) in [
            (Dialect::Tutorial, "[]", Reply::Stored(None)),
            (Dialect::Tutorial, "[null]", Reply::Stored(None)),
            (
                Dialect::Tutorial,
                r#"[{"error":{"code":"bad_text","detail":""}}]"#,
                refused("bad_text", Outcome::Settled),
            ),
            (Dialect::Native, r#"[{"ok":{"seq":7,"at":1}}]"#, Reply::Stored(Some(7))),
            (
                Dialect::Native,
                r#"[{"error":{"code":"busy","detail":"","retryAfterMs":250}}]"#,
                refused("busy", retry),
            ),
            (Dialect::Native, "[]", refused("malformed response", Outcome::Settled)),
        ] {
            assert_eq!(dialect.reply(args), wanted, "{args}");
        }
    }

    #[test]
    fn a_client_names_its_place_when_it_comes_back() {
        let cursor = Cursor { room: "den", epoch: "e", seq: 7 };
        let connect = Dialect::Native.connect(cursor, true, Some("t"));
        assert_eq!(connect, r#"40/chat,{"rooms":{"den":{"epoch":"e","seq":7}},"token":"t"}"#);
        assert_eq!(Dialect::Native.connect(cursor, false, None), "40/chat,{}");
        assert_eq!(Dialect::Tutorial.connect(cursor, true, None), r#"40{"serverOffset":7}"#);
    }
}
