//! The contract for search.

use std::{any::Any, sync::Arc};

use crate::{
    chat::{
        model::{Draft, RoomName, Seq},
        ports::{MessageLog, SearchResult},
    },
    store::{
        contract::{
            amendments::amend,
            log::{append, author, draft, line, to},
        },
        page::PAGE_BYTES_MAX,
    },
};

pub(crate) struct SearchableLog {
    log: Arc<dyn MessageLog>,
    /// Called after each append.
    update_index: Box<dyn Fn() + Send + Sync>,
    _fixture: Box<dyn Any + Send>,
}

impl SearchableLog {
    pub(crate) fn new(
        log: Arc<dyn MessageLog>,
        update_index: impl Fn() + Send + Sync + 'static,
        fixture: impl Any + Send,
    ) -> Self {
        Self { log, update_index: Box::new(update_index), _fixture: Box::new(fixture) }
    }

    async fn append(&self, batch: Vec<Draft>) {
        append(&*self.log, batch).await;
        (self.update_index)();
    }

    async fn find_in(&self, room: &str, query: &str, before: u64, limit: usize) -> String {
        let (room, query): (RoomName, _) = (room.parse().unwrap(), query.parse().unwrap());
        let found = self.log.search(&room, &query, Seq(before), limit).await;
        let SearchResult { messages, more } = found.unwrap();
        format!("{}{}", line(&messages), if more { " …" } else { "" })
    }

    /// Searches the lobby; returns the messages as a line, with `…` if there are more.
    async fn find(&self, query: &str, before: u64, limit: usize) -> String {
        self.find_in("lobby", query, before, limit).await
    }
}

/// Makes each check a test of the log that `$open` opens.
macro_rules! tests {
    ($open:ident) => {
        $crate::store::contract::search::tests! { $open:
            all_words_are_to_be_there_each_as_a_beginning
            what_is_found_goes_on_page_by_page_from_the_newest
            an_edit_is_found_by_its_new_words_alone
            what_was_deleted_is_not_found
            only_its_author_changes_what_is_found
            rooms_are_searched_apart
            what_is_found_is_bounded_in_bytes
        }
    };
    ($open:ident: $($check:ident)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                $crate::store::contract::search::$check($open()).await;
            }
        )*
    };
}
pub(crate) use tests;

pub(crate) async fn all_words_are_to_be_there_each_as_a_beginning(log: SearchableLog) {
    let batch = ["Hello, world", "Café au lait", "world of wörds", "hello \"AND\" OR NOT NEAR * ^ : -", "_1"];
    log.append(batch.map(|text| draft("", text)).into()).await;
    for (query, found) in [
        ("hello", "4:hello \"AND\" OR NOT NEAR * ^ : - 1:Hello, world"),
        ("WORLD hel", "1:Hello, world"),
        ("cafe", "2:Café au lait"),
        ("CAFÉ lait", "2:Café au lait"),
        ("words", "3:world of wörds"),
        ("not and", "4:hello \"AND\" OR NOT NEAR * ^ : -"),
        ("ello", ""),
        ("hello cafe", ""),
        ("1", "5:_1"),
    ] {
        assert_eq!(log.find(query, u64::MAX, 10).await, found, "{query}");
    }
}

pub(crate) async fn what_is_found_goes_on_page_by_page_from_the_newest(log: SearchableLog) {
    log.append((1..=5).map(|n| draft("", &format!("n{n}"))).collect()).await;
    assert_eq!(log.find("n", u64::MAX, 2).await, "5:n5 4:n4 …");
    assert_eq!(log.find("n", 4, 2).await, "3:n3 2:n2 …");
    assert_eq!(log.find("n", 2, 2).await, "1:n1");
    assert_eq!(log.find("n", 1, 2).await, "");
    assert_eq!(log.find("n", 0, 2).await, "");
    assert_eq!(log.find("n", u64::MAX, 5).await, "5:n5 4:n4 3:n3 2:n2 1:n1");
}

pub(crate) async fn an_edit_is_found_by_its_new_words_alone(log: SearchableLog) {
    let batch = vec![draft("", "one"), draft("", "two"), amend("edit", 1, "uno"), amend("edit", 1, "eins")];
    log.append(batch).await;
    assert_eq!(log.find("one", u64::MAX, 10).await, "");
    assert_eq!(log.find("uno", u64::MAX, 10).await, "");
    assert_eq!(log.find("eins", u64::MAX, 10).await, "1:eins", "at the seq of its target");
    assert_eq!(log.find("eins", 1, 10).await, "");
    log.append(vec![amend("react", 2, "eins")]).await;
    assert_eq!(log.find("eins", u64::MAX, 10).await, "1:eins", "a reaction is not found");
}

pub(crate) async fn what_was_deleted_is_not_found(log: SearchableLog) {
    let batch =
        vec![draft("", "one"), amend("edit", 1, "uno"), amend("delete", 1, ""), amend("edit", 1, "ein")];
    log.append(batch).await;
    for word in ["one", "uno", "ein"] {
        assert_eq!(log.find(word, u64::MAX, 10).await, "", "{word}");
    }
}

pub(crate) async fn only_its_author_changes_what_is_found(log: SearchableLog) {
    let by_bob = |draft: Draft| Draft { author: author("bob"), ..draft };
    let batch = vec![draft("", "one"), by_bob(amend("edit", 1, "uno")), by_bob(amend("delete", 1, ""))];
    log.append(batch).await;
    assert_eq!(log.find("one", u64::MAX, 10).await, "1:one");
    assert_eq!(log.find("uno", u64::MAX, 10).await, "");
}

pub(crate) async fn rooms_are_searched_apart(log: SearchableLog) {
    let batch =
        vec![draft("", "hello 1"), to("den", draft("", "hello 2")), to("den", amend("edit", 1, "hello 3"))];
    log.append(batch).await;
    assert_eq!(log.find("hello", u64::MAX, 10).await, "1:hello 1");
    assert_eq!(log.find_in("den", "hello", u64::MAX, 10).await, "1:hello 3");
    assert_eq!(log.find_in("nowhere", "hello", u64::MAX, 10).await, "");
}

pub(crate) async fn what_is_found_is_bounded_in_bytes(log: SearchableLog) {
    let long = format!("long {}", "x".repeat(PAGE_BYTES_MAX / 2));
    log.append(vec![draft("", &long), draft("", &long), draft("", &long)]).await;
    let query = "long".parse().unwrap();
    let found = log.log.search(&RoomName::lobby(), &query, Seq::MAX, 10).await.unwrap();
    assert_eq!((found.messages.len(), found.more), (2, true));
}
