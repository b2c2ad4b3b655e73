//! How the two namespaces say the same things.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    outbox::Outcome,
    socket::{Answer, CHAT, Prefix, TUTORIAL, event},
};

/// A namespace's way to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/`: the tutorial's contract.
    Tutorial,
    /// `/chat`: the native protocol.
    Native,
}

/// Where a client stands in its room.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    /// The room's name.
    pub room: &'a str,
    /// The log's identity.
    pub epoch: &'a str,
    /// The last message that it has shown.
    pub seq: u64,
}

/// What a client on `/chat` is told first.
#[derive(Debug, Deserialize)]
pub struct Session {
    /// To be sent at every later connect.
    pub token: String,
    /// The node that it is connected to.
    pub node: String,
    /// The rooms that it is in again.
    pub rooms: std::collections::HashMap<String, Joined>,
}

/// Where a room stands.
#[derive(Debug, Deserialize)]
pub struct Joined {
    /// The newest place at that moment.
    pub head: u64,
    /// Whether the client gets all that followed its place.
    pub recovered: bool,
}

/// What an ack says about a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is stored, here if the namespace says it.
    Stored(Option<u64>),
    /// It is not, for this reason, and is to be sent again or not.
    Refused(String, Outcome),
}

impl Dialect {
    /// How its packets begin.
    #[must_use]
    pub fn prefix(self) -> Prefix {
        match self {
            Self::Tutorial => TUTORIAL,
            Self::Native => CHAT,
        }
    }

    /// The packet that connects. A native client that has not joined yet names no room.
    #[must_use]
    pub fn connect(self, cursor: Cursor<'_>, joined: bool, token: Option<&str>) -> String {
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

    /// The packet with which a native client enters its room for the first time.
    #[must_use]
    pub fn join(cursor: Cursor<'_>, ack: u64) -> String {
        let after = json!({ "epoch": cursor.epoch, "seq": cursor.seq });
        event(CHAT, ack, &json!(["join", { "room": cursor.room, "after": after }]))
    }

    /// The packet that says something.
    #[must_use]
    pub fn post(self, room: &str, nonce: &str, text: &str, ack: u64) -> String {
        let args = match self {
            Self::Tutorial => json!(["chat message", text, nonce]),
            Self::Native => json!(["post", { "room": room, "nonce": nonce, "text": text }]),
        };
        event(self.prefix(), ack, &args)
    }

    /// Reads the arguments of a post's ack.
    #[must_use]
    pub fn reply(self, args: &str) -> Reply {
        let answer = serde_json::from_str::<Vec<Value>>(args).unwrap_or_default().pop();
        let answer = answer.and_then(|answer| serde_json::from_value::<Answer>(answer).ok());
        let refusal = answer.as_ref().and_then(|answer| answer.error.as_ref());
        let again = refusal.and_then(|refusal| refusal.retry_after_ms);
        let outcome = again.map_or(Outcome::Settled, |ms| Outcome::Again(Duration::from_millis(ms)));
        match (self, refusal, answer.as_ref().and_then(|answer| answer.ok.as_ref())) {
            (_, Some(refusal), _) => Reply::Refused(refusal.code.clone(), outcome),
            (Self::Tutorial, None, _) => Reply::Stored(None),
            (Self::Native, None, Some(done)) if done.seq.is_some() => Reply::Stored(done.seq),
            (Self::Native, ..) => Reply::Refused("not an answer".to_owned(), Outcome::Settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_both_dialects() {
        let refused = |code: &str, outcome| Reply::Refused(code.to_owned(), outcome);
        let again = Outcome::Again(Duration::from_millis(250));
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
                refused("busy", again),
            ),
            (Dialect::Native, "[]", refused("not an answer", Outcome::Settled)),
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
