//! The contract for messages that amend others.

use std::sync::Arc;

use crate::{
    chat::{
        model::{Draft, Message, MessageText, RoomName, Seq},
        ports::MessageLog,
    },
    store::{
        contract::log::{StoredMessages, append, draft, line, next, to},
        page::AMENDMENT_BYTES_MAX,
        scan_budget::{LIST_MAX, ROOM_MAX, ROOM_MIN},
    },
};

/// Makes each check a test of the log that `$open` opens on a channel of commits.
macro_rules! tests {
    ($open:ident) => {
        $crate::store::contract::amendments::tests! { $open:
            what_a_message_is_about_is_read_back_and_told
            a_nonce_with_another_target_is_a_conflict
            amendments_are_those_of_a_page_that_lie_beyond_it
            of_many_amendments_the_newest_are_told
            a_list_of_rooms_has_the_newest_ordinary_message_of_each
            a_list_of_rooms_looks_at_so_many_messages_and_then_at_few_of_each_room
        }
    };
    ($open:ident: $($check:ident)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                use $crate::store::contract::{amendments, log::COMMITS_MAX};
                let (commits, stored) = tokio::sync::mpsc::channel(COMMITS_MAX);
                let log = $open(commits).await;
                amendments::$check(&*log.log, stored).await;
            }
        )*
    };
}
pub(crate) use tests;

/// A draft of this kind for a message of the lobby.
pub(crate) fn amend(kind: &str, target: u64, text: &str) -> Draft {
    let text = MessageText::from_log(text.to_owned());
    Draft { kind: kind.parse().unwrap(), target: Some(Seq(target)), text, ..draft("", "") }
}

async fn amendments(log: &dyn MessageLog, first: u64, last: u64, limit: usize) -> String {
    line(&log.amendments(&RoomName::lobby(), Seq(first), Seq(last), limit).await.unwrap())
}

pub(crate) async fn what_a_message_is_about_is_read_back_and_told(
    log: &dyn MessageLog,
    mut stored: StoredMessages,
) {
    let batch = vec![draft("", "one"), amend("edit", 1, "uno"), amend("delete", 1, "")];
    assert_eq!(append(log, batch.clone()).await, "1 2 3");
    let expected: Vec<_> =
        (1..).zip(batch).map(|(seq, draft)| Arc::new(Message { seq: Seq(seq), draft })).collect();
    assert_eq!(log.read(&RoomName::lobby(), Seq::ZERO, 10).await.unwrap(), expected);
    assert_eq!(next(&mut stored).await, expected);
}

pub(crate) async fn a_nonce_with_another_target_is_a_conflict(log: &dyn MessageLog, _: StoredMessages) {
    let like = |target| Draft { nonce: Some("n".parse().unwrap()), ..amend("react", target, "+1") };
    assert_eq!(append(log, vec![draft("", "x"), draft("", "y"), like(1)]).await, "1 2 3");
    assert_eq!(append(log, vec![like(1), like(2)]).await, "=3 !");
}

pub(crate) async fn amendments_are_those_of_a_page_that_lie_beyond_it(
    log: &dyn MessageLog,
    _: StoredMessages,
) {
    let batch = vec![
        draft("", "one"),
        amend("react", 1, "a"),
        draft("", "three"),
        amend("edit", 3, "drei"),
        to("den", draft("", "elsewhere")),
        to("den", amend("react", 1, "z")),
        amend("react", 1, "b"),
        draft("", "six"),
        amend("react", 6, "c"),
    ];
    assert_eq!(append(log, batch).await, "1 2 3 4 1 2 5 6 7");
    assert_eq!(amendments(log, 1, 3, 10).await, "4:drei 5:b", "the first is in the page itself");
    assert_eq!(amendments(log, 1, 1, 10).await, "2:a 5:b");
    assert_eq!(amendments(log, 2, 5, 10).await, "", "what is in the page is not returned twice");
    assert_eq!(amendments(log, 6, 6, 10).await, "7:c");
    assert_eq!(amendments(log, 7, u64::MAX, 10).await, "");
    assert_eq!(log.amendments(&"nowhere".parse().unwrap(), Seq(1), Seq(9), 10).await.unwrap(), []);
}

pub(crate) async fn of_many_amendments_the_newest_are_told(log: &dyn MessageLog, _: StoredMessages) {
    let long = "x".repeat(AMENDMENT_BYTES_MAX / 2);
    let batch = vec![
        draft("", "one"),
        amend("edit", 1, &long),
        amend("react", 1, "a"),
        amend("edit", 1, &long),
        amend("react", 1, "b"),
    ];
    append(log, batch).await;
    assert_eq!(amendments(log, 1, 1, 1).await, "5:b");
    let found = log.amendments(&RoomName::lobby(), Seq(1), Seq(1), 10).await.unwrap();
    assert_eq!(found.iter().map(|message| message.seq.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
    append(log, vec![amend("edit", 1, "six")]).await;
    let found = log.amendments(&RoomName::lobby(), Seq(1), Seq(1), 10).await.unwrap();
    assert_eq!(found.iter().map(|message| message.seq.0).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    append(log, vec![amend("edit", 1, &long)]).await;
    let found = log.amendments(&RoomName::lobby(), Seq(1), Seq(1), 10).await.unwrap();
    assert_eq!(found.iter().map(|message| message.seq.0).collect::<Vec<_>>(), [4, 5, 6, 7]);
}

/// The rooms after `after`, each with its newest ordinary message.
async fn last(log: &dyn MessageLog, after: Option<&str>) -> Vec<String> {
    let after = after.map(|room| room.parse().unwrap());
    let rooms = log.rooms(after.as_ref(), 10).await.unwrap();
    let line = |last: &Option<Arc<Message>>| last.as_ref().map_or("-".to_owned(), |last| line([last]));
    rooms.iter().map(|room| format!("{} {}", room.room, line(&room.last))).collect()
}

pub(crate) async fn a_list_of_rooms_has_the_newest_ordinary_message_of_each(
    log: &dyn MessageLog,
    _: StoredMessages,
) {
    append(
        log,
        vec![draft("", "one"), to("den", draft("", "hello")), draft("", "two"), amend("react", 1, "a")],
    )
    .await;
    assert_eq!(last(log, None).await, ["den 1:hello", "lobby 2:two"]);
    append(log, vec![amend("edit", 2, "zwei"), amend("delete", 1, "")]).await;
    assert_eq!(last(log, None).await, ["den 1:hello", "lobby 2:two"], "with its original text");
    append(log, (0..ROOM_MAX).map(|_| amend("react", 1, "a")).collect()).await;
    assert_eq!(last(log, None).await, ["den 1:hello", "lobby -"], "it is not looked for any further back");
}

pub(crate) async fn a_list_of_rooms_looks_at_so_many_messages_and_then_at_few_of_each_room(
    log: &dyn MessageLog,
    _: StoredMessages,
) {
    let fill = async |room: &str, reactions: u64| {
        let batch = std::iter::once(draft("", "x")).chain((0..reactions).map(|_| amend("react", 1, "a")));
        append(log, batch.map(|draft| to(room, draft)).collect()).await;
    };
    let busy: Vec<_> = (0..LIST_MAX / ROOM_MAX).map(|n| format!("busy-{n}")).collect();
    for room in &busy {
        fill(room, ROOM_MAX - 1).await;
    }
    fill("far", ROOM_MIN).await;
    fill("near", ROOM_MIN - 1).await;

    let mut expected: Vec<_> = busy.iter().map(|room| format!("{room} 1:x")).collect();
    expected.extend(["far -".to_owned(), "near 1:x".to_owned()]);
    assert_eq!(last(log, None).await, expected);
    assert_eq!(
        last(log, Some("busy-0")).await[busy.len() - 1..],
        ["far 1:x", "near 1:x"],
        "each list has a budget of its own"
    );
}
