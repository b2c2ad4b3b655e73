//! A live message's JSON, made once for all sockets that one thread serves.
//!
//! A room's sockets are woken for the same messages one after the other, so that a few places a thread find
//! nearly all of them, without a lock and without the message knowing how it is told.

use std::{cell::RefCell, sync::Arc};

use serde_json::value::{RawValue, to_raw_value};

use super::protocol::answer::MessageJson;
use crate::chat::types::Message;

/// Places of a thread; each holds the last message whose `seq` leads to it, and its JSON.
const PLACES: usize = 64;

struct Encoded {
    message: Arc<Message>,
    json: Box<RawValue>,
}

thread_local! {
    static PLACES_OF_THREAD: RefCell<[Option<Encoded>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// Does something with a message as everybody but its author sees it.
pub(super) fn once<T>(message: &Arc<Message>, act: impl FnOnce(&RawValue) -> T) -> T {
    PLACES_OF_THREAD.with_borrow_mut(|places| {
        let place = &mut places[message.seq.0 as usize % PLACES];
        // It is held, so that its address is no other's.
        let known = place.take().filter(|known| Arc::ptr_eq(&known.message, message));
        let encoded = known.unwrap_or_else(|| {
            let json = to_raw_value(&MessageJson::new(message, None)).expect("a message can be written");
            Encoded { message: message.clone(), json }
        });
        act(&place.insert(encoded).json)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::testing::message;

    fn json(message: &Arc<Message>) -> (String, *const u8) {
        once(message, |json| (json.get().to_owned(), json.get().as_ptr()))
    }

    #[test]
    fn a_message_is_encoded_once_and_no_other_is_taken_for_it() {
        let (one, same_place) = (message("lobby", 7), message("den", 7));
        assert_eq!(json(&one), json(&one));
        assert!(json(&one).0.contains(r#""room":"lobby","seq":7"#), "{:?}", json(&one));
        assert!(json(&same_place).0.contains(r#""room":"den","seq":7"#));
        assert!(json(&one).0.contains(r#""room":"lobby""#));
    }
}
