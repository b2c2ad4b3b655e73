//! The contract for appending and reading, and what all contract tests use.

use std::{any::Any, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::mpsc::Receiver, time::timeout};

use crate::{
    chat::{
        model::{Author, Draft, Hue, Kind, LogPosition, Message, MessageText, RoomName, Seq, UnixMs},
        ports::{AppendError, Appended, Changes, Extent, ListedRoom, MessageLog, Receipt},
    },
    store::page::PAGE_BYTES_MAX,
};

/// A log, and what must live as long as it.
pub(crate) struct LogUnderTest {
    pub(crate) log: Arc<dyn MessageLog>,
    _fixture: Box<dyn Any + Send>,
}

impl LogUnderTest {
    pub(crate) fn new(log: Arc<dyn MessageLog>, fixture: impl Any + Send) -> Self {
        Self { log, _fixture: Box::new(fixture) }
    }
}

/// The receiver of the log's commits.
pub(crate) type StoredMessages = Receiver<Vec<Arc<Message>>>;

/// The capacity of that channel.
pub(crate) const COMMITS_MAX: usize = 4;

/// Makes each check a test of the log that `$open` opens on a channel of commits.
macro_rules! tests {
    ($open:ident) => {
        $crate::store::contract::log::tests! { $open:
            a_room_counts_from_one_without_holes
            rooms_count_apart
            a_repeat_is_known_by_its_first_seq
            a_repeat_in_the_same_batch_is_known
            a_nonce_with_another_text_or_kind_is_a_conflict
            a_conflict_leaves_the_rest_of_its_batch_alone
            a_nonce_counts_for_one_room_and_author
            without_a_nonce_each_call_stores
            concurrent_appends_make_one_sequence
            what_was_said_is_read_back
            reading_goes_on_page_by_page
            reading_back_goes_page_by_page
            a_page_is_bounded_in_bytes
            an_unknown_room_is_empty
            rooms_are_listed_by_name
            changes_name_the_rooms_that_grew
            changes_since_takes_any_position
            commits_bring_what_was_stored_in_order
            a_full_channel_of_commits_loses_but_never_blocks
            a_closed_log_refuses_to_store_and_still_reads
            a_closed_log_ends_its_commits
        }
    };
    ($open:ident: $($check:ident)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                use $crate::store::contract;
                let (commits, stored) = tokio::sync::mpsc::channel(contract::log::COMMITS_MAX);
                let log = $open(commits).await;
                contract::log::$check(&*log.log, stored).await;
            }
        )*
    };
}
pub(crate) use tests;

/// The next commit, which is there or comes soon.
pub(crate) async fn next(stored: &mut StoredMessages) -> Vec<Arc<Message>> {
    let batch = timeout(Duration::from_secs(10), stored.recv()).await;
    batch.expect("the commit is sent").unwrap()
}

/// A draft by `ada` for the lobby; without a nonce if that is empty.
pub(crate) fn draft(nonce: &str, text: &str) -> Draft {
    Draft {
        room: RoomName::lobby(),
        kind: Kind::Text,
        target: None,
        author: author("ada"),
        nonce: (!nonce.is_empty()).then(|| nonce.parse().unwrap()),
        text: MessageText::from_log(text.to_owned()),
        at: UnixMs(1_700_000_000_000),
        node: "node-1".parse().unwrap(),
        trace: None,
    }
}

/// The same draft for another room.
pub(crate) fn to(room: &str, draft: Draft) -> Draft {
    Draft { room: room.parse().unwrap(), ..draft }
}

pub(crate) fn author(id: &str) -> Author {
    Author { id: id.parse().unwrap(), name: format!("{id}'s name").parse().unwrap(), color: None }
}

/// Appends a batch; returns the results as a line: `1` stored, `=1` known, `!` conflict.
pub(crate) async fn append(log: &dyn MessageLog, batch: Vec<Draft>) -> String {
    let line = |appended: &Appended| match appended {
        Appended::Stored(receipt) => receipt.seq.to_string(),
        Appended::Known(receipt) => format!("={}", receipt.seq),
        Appended::Conflict => "!".to_owned(),
    };
    log.append(batch).await.unwrap().iter().map(line).collect::<Vec<_>>().join(" ")
}

/// Messages as a line: `1:hello`.
pub(crate) fn line<'m>(messages: impl IntoIterator<Item = &'m Arc<Message>>) -> String {
    let line = |message: &Arc<Message>| format!("{}:{}", message.seq, message.draft.text.as_str());
    messages.into_iter().map(line).collect::<Vec<_>>().join(" ")
}

/// Reads a page of a room as a line.
pub(crate) async fn read(log: &dyn MessageLog, room: &str, after: u64, limit: usize) -> String {
    line(&log.read(&room.parse().unwrap(), Seq(after), limit).await.unwrap())
}

pub(crate) async fn a_room_counts_from_one_without_holes(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(append(log, vec![]).await, "");
    assert_eq!(append(log, vec![draft("a", "one"), draft("b", "two")]).await, "1 2");
    assert_eq!(append(log, vec![draft("c", "three")]).await, "3");
    assert_eq!(read(log, "lobby", 0, 10).await, "1:one 2:two 3:three");
}

pub(crate) async fn rooms_count_apart(log: &dyn MessageLog, _: StoredMessages) {
    let batch = vec![draft("a", "x"), to("den", draft("b", "y")), draft("c", "z")];
    assert_eq!(append(log, batch).await, "1 1 2");
    assert_eq!(read(log, "den", 0, 10).await, "1:y");
}

pub(crate) async fn a_repeat_is_known_by_its_first_seq(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(append(log, vec![draft("a", "one"), draft("b", "two")]).await, "1 2");
    let later = Draft { at: UnixMs(1_800_000_000_000), ..draft("a", "one") };
    let known = Appended::Known(Receipt { seq: Seq(1), at: draft("a", "one").at });
    assert_eq!(log.append(vec![later]).await.unwrap(), [known]);
    assert_eq!(append(log, vec![draft("b", "two"), draft("c", "three")]).await, "=2 3");
}

pub(crate) async fn a_repeat_in_the_same_batch_is_known(log: &dyn MessageLog, _: StoredMessages) {
    let batch = vec![draft("a", "one"), draft("a", "one"), draft("a", "other"), draft("b", "two")];
    assert_eq!(append(log, batch).await, "1 =1 ! 2");
    assert_eq!(read(log, "lobby", 0, 10).await, "1:one 2:two");
}

pub(crate) async fn a_nonce_with_another_text_or_kind_is_a_conflict(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(append(log, vec![draft("a", "one")]).await, "1");
    assert_eq!(append(log, vec![draft("a", "two")]).await, "!");
    let other = Draft { kind: "edit".parse().unwrap(), ..draft("a", "one") };
    assert_eq!(append(log, vec![other]).await, "!");
    assert_eq!(append(log, vec![draft("a", "one")]).await, "=1");
    assert_eq!(read(log, "lobby", 0, 10).await, "1:one");
}

pub(crate) async fn a_conflict_leaves_the_rest_of_its_batch_alone(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(append(log, vec![draft("a", "one")]).await, "1");
    let batch = vec![draft("b", "two"), draft("a", "other"), draft("c", "three")];
    assert_eq!(append(log, batch).await, "2 ! 3");
}

pub(crate) async fn a_nonce_counts_for_one_room_and_author(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(append(log, vec![draft("a", "one")]).await, "1");
    assert_eq!(append(log, vec![to("den", draft("a", "other"))]).await, "1");
    assert_eq!(append(log, vec![Draft { author: author("bob"), ..draft("a", "other") }]).await, "2");
    let mut renamed = draft("a", "one");
    renamed.author.name = "Countess".parse().unwrap();
    assert_eq!(append(log, vec![renamed]).await, "=1");
}

pub(crate) async fn without_a_nonce_each_call_stores(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(append(log, vec![draft("", "same"), draft("", "same")]).await, "1 2");
    assert_eq!(append(log, vec![draft("", "same")]).await, "3");
}

pub(crate) async fn concurrent_appends_make_one_sequence(log: &dyn MessageLog, _: StoredMessages) {
    let batch = |writer: usize, n: usize| {
        vec![draft(&format!("{writer}-{n}-a"), "x"), draft(&format!("{writer}-{n}-b"), "y")]
    };
    let writers = (0..8).map(async |writer| {
        let mut seqs = Vec::new();
        for n in 0..10 {
            for appended in log.append(batch(writer, n)).await.unwrap() {
                let Appended::Stored(receipt) = appended else { panic!("{appended:?}") };
                seqs.push(receipt.seq.0);
            }
        }
        assert!(seqs.is_sorted(), "one writer's calls keep their order: {seqs:?}");
        assert!(seqs.chunks(2).all(|batch| batch[0] + 1 == batch[1]), "a batch is not torn: {seqs:?}");
        seqs
    });
    let mut seqs = join_all(writers).await.concat();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=160).collect::<Vec<_>>());
}

pub(crate) async fn what_was_said_is_read_back(log: &dyn MessageLog, _: StoredMessages) {
    let full = Draft {
        room: "Room-1_x.y".parse().unwrap(),
        kind: "poll.vote".parse().unwrap(),
        target: Some(Seq(7)),
        author: Author {
            id: "u-1".parse().unwrap(),
            name: "Ünal 'the\" 🦀".parse().unwrap(),
            color: Some(Hue::try_from(359).unwrap()),
        },
        nonce: Some("n'\" 💬".parse().unwrap()),
        text: MessageText::from_log("line\r\n\tnul\0 🦀'; DROP TABLE message; --".to_owned()),
        at: UnixMs(1),
        node: "node_9".parse().unwrap(),
        trace: None,
    };
    let without_nonce = Draft { nonce: None, ..full.clone() };
    assert_eq!(append(log, vec![full.clone(), without_nonce.clone()]).await, "1 2");

    let read = log.read(&full.room, Seq::ZERO, 10).await.unwrap();
    assert_eq!(*read[0], Message { seq: Seq(1), draft: full.clone() });
    assert_eq!(*read[1], Message { seq: Seq(2), draft: without_nonce });
    assert_eq!(log.read_before(&full.room, Seq(3), 10).await.unwrap(), read);
}

async fn five(log: &dyn MessageLog) {
    let batch = ["a", "b", "c", "d", "e"].map(|text| draft(text, text)).into();
    assert_eq!(append(log, batch).await, "1 2 3 4 5");
}

pub(crate) async fn reading_goes_on_page_by_page(log: &dyn MessageLog, _: StoredMessages) {
    five(log).await;
    assert_eq!(read(log, "lobby", 0, 2).await, "1:a 2:b");
    assert_eq!(read(log, "lobby", 2, 2).await, "3:c 4:d");
    assert_eq!(read(log, "lobby", 4, 2).await, "5:e");
    assert_eq!(read(log, "lobby", 5, 2).await, "");
    assert_eq!(read(log, "lobby", 0, 0).await, "");
    assert_eq!(read(log, "lobby", 3, usize::MAX).await, "4:d 5:e");
    assert_eq!(read(log, "lobby", u64::MAX, 2).await, "");
}

pub(crate) async fn reading_back_goes_page_by_page(log: &dyn MessageLog, _: StoredMessages) {
    five(log).await;
    let back =
        async |before, limit| line(&log.read_before(&RoomName::lobby(), Seq(before), limit).await.unwrap());
    assert_eq!(back(u64::MAX, 2).await, "4:d 5:e");
    assert_eq!(back(4, 2).await, "2:b 3:c");
    assert_eq!(back(2, 2).await, "1:a");
    assert_eq!(back(1, 2).await, "");
    assert_eq!(back(0, 2).await, "");
    assert_eq!(back(3, 0).await, "");
    assert_eq!(back(3, usize::MAX).await, "1:a 2:b");
}

pub(crate) async fn a_page_is_bounded_in_bytes(log: &dyn MessageLog, _: StoredMessages) {
    let room = RoomName::lobby();
    let half = "x".repeat(PAGE_BYTES_MAX / 2);
    let batch = vec![
        draft("a", &half),
        draft("b", &half),
        draft("c", &half),
        draft("d", &"x".repeat(PAGE_BYTES_MAX * 3)),
    ];
    assert_eq!(append(log, batch).await, "1 2 3 4");

    let seqs = |page: Vec<Arc<Message>>| page.iter().map(|message| message.seq.0).collect::<Vec<_>>();
    assert_eq!(seqs(log.read(&room, Seq(0), 10).await.unwrap()), [1, 2]);
    assert_eq!(seqs(log.read(&room, Seq(3), 10).await.unwrap()), [4], "one that is too large comes alone");
    assert_eq!(seqs(log.read_before(&room, Seq(4), 10).await.unwrap()), [2, 3], "the newest are kept");
    assert_eq!(seqs(log.read_before(&room, Seq(5), 10).await.unwrap()), [4]);
}

pub(crate) async fn an_unknown_room_is_empty(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(read(log, "nowhere", 0, 10).await, "");
    assert_eq!(log.extent(&"nowhere".parse().unwrap()).await.unwrap(), Extent::default());
    assert_eq!(log.rooms(None, 10).await.unwrap(), []);
}

pub(crate) async fn rooms_are_listed_by_name(log: &dyn MessageLog, _: StoredMessages) {
    let batch = ["b", "a", "C", "b"].map(|room| to(room, draft("", "x"))).into();
    append(log, batch).await;

    let listed = async |after: Option<&str>, limit| {
        let rooms = log.rooms(after.map(|after| after.parse().unwrap()).as_ref(), limit).await.unwrap();
        let line = |room: &ListedRoom| format!("{}:{}", room.room, room.extent.head);
        rooms.iter().map(line).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed(None, 2).await, "C:1 a:1");
    assert_eq!(listed(Some("a"), 2).await, "b:2");
    assert_eq!(listed(Some("aa"), 2).await, "b:2");
    assert_eq!(listed(Some("b"), 2).await, "");
    assert_eq!(listed(None, 0).await, "");
    assert_eq!(log.extent(&"b".parse().unwrap()).await.unwrap(), Extent { pruned: Seq::ZERO, head: Seq(2) });
}

pub(crate) async fn changes_name_the_rooms_that_grew(log: &dyn MessageLog, _: StoredMessages) {
    let heads = |changes: &Changes| {
        let mut heads: Vec<_> = changes.heads.iter().map(|(room, seq)| format!("{room}:{seq}")).collect();
        heads.sort();
        heads.join(" ")
    };
    let start = log.position().await.unwrap();
    assert_eq!(log.changes_since(start).await.unwrap(), Changes { position: start, heads: vec![] });

    append(log, vec![draft("a", "x"), to("den", draft("b", "y")), draft("c", "z")]).await;
    let first = log.changes_since(start).await.unwrap();
    assert_eq!(heads(&first), "den:1 lobby:2");
    assert_eq!(log.position().await.unwrap(), first.position);
    assert_eq!(log.changes_since(first.position).await.unwrap(), Changes { heads: vec![], ..first.clone() });

    append(log, vec![draft("a", "x"), to("den", draft("d", "new"))]).await;
    let second = log.changes_since(first.position).await.unwrap();
    assert_eq!(heads(&second), "den:2", "a repeat is no change");
    assert!(first.position < second.position);
    assert_eq!(
        heads(&log.changes_since(start).await.unwrap()),
        "den:2 lobby:2",
        "the same position gives the same changes"
    );
}

pub(crate) async fn changes_since_takes_any_position(log: &dyn MessageLog, _: StoredMessages) {
    assert_eq!(log.changes_since(LogPosition(u64::MAX)).await.unwrap(), Changes::default());
    append(log, vec![draft("a", "x")]).await;
    let position = log.position().await.unwrap();
    for beyond in [LogPosition(position.0 + 1), LogPosition(u64::MAX)] {
        assert_eq!(log.changes_since(beyond).await.unwrap(), Changes { position, heads: vec![] });
    }
    assert_eq!(log.changes_since(LogPosition(0)).await.unwrap().heads, [(RoomName::lobby(), Seq(1))]);
}

pub(crate) async fn commits_bring_what_was_stored_in_order(log: &dyn MessageLog, mut stored: StoredMessages) {
    append(log, vec![draft("a", "one"), to("den", draft("b", "two"))]).await;
    append(log, vec![draft("a", "one"), draft("a", "other")]).await;
    append(log, vec![draft("a", "one"), draft("c", "three")]).await;
    assert_eq!(line(&next(&mut stored).await), "1:one 1:two");
    assert_eq!(line(&next(&mut stored).await), "2:three", "a known message is not sent again");
    assert!(stored.is_empty());
}

pub(crate) async fn a_full_channel_of_commits_loses_but_never_blocks(
    log: &dyn MessageLog,
    mut stored: StoredMessages,
) {
    for n in 1..=COMMITS_MAX + 2 {
        assert_eq!(append(log, vec![draft("", "x")]).await, n.to_string());
    }
    for n in 1..=COMMITS_MAX {
        assert_eq!(line(&next(&mut stored).await), format!("{n}:x"));
    }
    assert!(stored.is_empty());
    append(log, vec![draft("", "y")]).await;
    assert_eq!(line(&next(&mut stored).await), format!("{}:y", COMMITS_MAX + 3));
}

pub(crate) async fn a_closed_log_refuses_to_store_and_still_reads(log: &dyn MessageLog, _: StoredMessages) {
    assert!(log.is_writable());
    append(log, vec![draft("a", "one")]).await;
    log.close().await;
    log.close().await;
    let refused = log.append(vec![draft("b", "two")]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(!log.is_writable() && log.is_readable());
    assert_eq!(read(log, "lobby", 0, 10).await, "1:one");
}

pub(crate) async fn a_closed_log_ends_its_commits(log: &dyn MessageLog, mut stored: StoredMessages) {
    append(log, vec![draft("a", "one")]).await;
    log.close().await;
    assert_eq!(line(&next(&mut stored).await), "1:one");
    let end = timeout(Duration::from_secs(10), stored.recv()).await;
    assert_eq!(end.expect("the channel ends"), None);
}
