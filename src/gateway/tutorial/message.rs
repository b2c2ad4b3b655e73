//! What a tutorial client sends: its offset when it connects, and its messages.

use serde_json::Value;

use crate::{
    chat::{
        model::{MessageText, Nonce, RoomName, Seq, ValidationError},
        publish::post::{Post, PostBody},
    },
    gateway::protocol::{EventArgs, Refusal},
};

/// The only event, in both directions.
pub(super) const CHAT_MESSAGE: &str = "chat message";

/// Reads `content, clientOffset`. Without an offset each message is a new one.
pub(super) fn post(args: Option<EventArgs>, text_bytes_max: usize) -> Result<Post, Refusal> {
    let args = args.map(|args| args.parse()).unwrap_or_default();
    let content = args.first().and_then(Value::as_str).unwrap_or_default();
    let text = MessageText::new(content, text_bytes_max)?;
    let offset = match args.get(1) {
        Some(Value::String(offset)) => Some(offset.clone()),
        Some(Value::Number(offset)) => Some(offset.to_string()),
        _ => None,
    };
    if offset.as_ref().is_some_and(|offset| Nonce::BYTES_MAX < offset.len()) {
        return Err(ValidationError::Nonce.into());
    }
    let nonce = offset.map(|offset| Nonce::of_tutorial(&offset, content));
    Ok(Post { room: RoomName::lobby(), nonce, body: PostBody::Text(text), trace: None })
}

/// A client's offset, `{serverOffset: n}`. A string of digits counts as that number, anything else as absent.
pub(super) fn server_offset(auth: &Value) -> Option<Seq> {
    let offset = auth.get("serverOffset")?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match offset {
        Value::Number(number) => number.as_u64().map(Seq),
        // Digits beyond 64 bits are a seq beyond any log's head.
        Value::String(text) if !text.is_empty() && digits(text) => Some(text.parse().map_or(Seq::MAX, Seq)),
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
}
