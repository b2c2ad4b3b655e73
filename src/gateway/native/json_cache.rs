//! A live message's JSON, made once for all sockets that one thread serves.
//!
//! A room's sockets are woken for the same messages one after the other, so a few slots per thread serve nearly all of
//! them, without a lock and without the message knowing its wire form.

use std::{cell::RefCell, sync::Arc};

use serde_json::value::{RawValue, to_raw_value};

use crate::{chat::model::Message, gateway::protocol::response::MessageJson};

/// Slots of a thread. Each holds the latest message whose seq maps to it, and its JSON.
const SLOTS: usize = 64;

struct CachedJson {
    message: Arc<Message>,
    json: Box<RawValue>,
}

thread_local! {
    static CACHE: RefCell<[Option<CachedJson>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// Passes on a message's JSON as everyone but its author sees it.
pub(super) fn with_json<T>(message: &Arc<Message>, act: impl FnOnce(&RawValue) -> T) -> T {
    CACHE.with_borrow_mut(|slots| {
        let slot = &mut slots[message.seq.0 as usize % SLOTS];
        // The slot holds the message, so no other message can have its address.
        let hit = slot.take().filter(|cached| Arc::ptr_eq(&cached.message, message));
        let cached = hit.unwrap_or_else(|| {
            let json = to_raw_value(&MessageJson::new(message, None)).expect("a message can be written");
            CachedJson { message: message.clone(), json }
        });
        act(&slot.insert(cached).json)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::message;

    fn json(message: &Arc<Message>) -> (String, *const u8) {
        with_json(message, |json| (json.get().to_owned(), json.get().as_ptr()))
    }

    #[test]
    fn a_message_is_encoded_once_and_no_other_is_taken_for_it() {
        let (one, same_slot) = (message("lobby", 7), message("den", 7));
        assert_eq!(json(&one), json(&one));
        assert!(json(&one).0.contains(r#""room":"lobby","seq":7"#), "{:?}", json(&one));
        assert!(json(&same_slot).0.contains(r#""room":"den","seq":7"#));
        assert!(json(&one).0.contains(r#""room":"lobby""#));
    }
}
