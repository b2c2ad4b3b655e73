//! The contract for retention.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    chat::{
        model::{Draft, LogPosition, RoomName, Seq, UnixMs},
        ports::{Changes, Clock, Extent, MessageLog},
    },
    config,
    store::{
        contract::log::{append, draft, read, to},
        retention::KEPT_MIN,
    },
};

const HOUR: Duration = Duration::from_secs(3_600);
const LITTLE: Duration = Duration::from_millis(1);

/// A clock that a test sets.
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at the time of [`draft`].
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(draft("", "x").at.0))
    }

    /// Sets it to `time` after that.
    pub(crate) fn set_after(&self, time: Duration) {
        self.0.store(later(time, draft("", "x")).at.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }
}

/// A log whose clock a test sets.
pub(crate) struct ExpiringLog {
    log: Arc<dyn MessageLog>,
    /// Sets the clock to this long after the time of [`draft`], and applies the retention.
    expire_at: Box<dyn Fn(Duration) + Send>,
    _fixture: Box<dyn Any + Send>,
}

impl ExpiringLog {
    pub(crate) fn new(
        log: Arc<dyn MessageLog>,
        expire_at: impl Fn(Duration) + Send + 'static,
        fixture: impl Any + Send,
    ) -> Self {
        Self { log, expire_at: Box::new(expire_at), _fixture: Box::new(fixture) }
    }

    async fn extent(&self, room: &str) -> Extent {
        self.log.extent(&room.parse().unwrap()).await.unwrap()
    }

    async fn heads_after(&self, position: LogPosition) -> String {
        let mut heads = self.log.changes_since(position).await.unwrap().heads;
        heads.sort();
        heads.iter().map(|(room, seq)| format!("{room}:{seq}")).collect::<Vec<_>>().join(" ")
    }
}

/// Makes each check a test of the logs that `$open` opens with given settings.
macro_rules! tests {
    ($open:ident) => {
        $crate::store::contract::retention::tests! { $open:
            what_is_pruned_is_the_beginning_of_each_room
            a_room_that_is_pruned_to_its_end_goes_on_where_it_was
            what_grew_and_was_pruned_since_is_told
            what_is_left_is_read_without_a_hole
            without_a_retention_messages_stay
            a_nonce_is_remembered_for_its_time
            a_nonce_is_known_beyond_its_message_in_its_room_and_for_its_author_alone
            a_log_that_is_too_large_loses_its_oldest
            the_newest_messages_stay_however_large_they_are
        }
    };
    ($open:ident: $($check:ident)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                use $crate::store::contract::retention;
                retention::$check($open).await;
            }
        )*
    };
}
pub(crate) use tests;

fn later(time: Duration, draft: Draft) -> Draft {
    Draft { at: UnixMs(draft.at.0 + time.as_millis() as u64), ..draft }
}

fn keep(retention: Duration, nonce_ttl: Duration) -> config::Log {
    config::Log { retention, nonce_ttl, ..config::Log::default() }
}

pub(crate) async fn what_is_pruned_is_the_beginning_of_each_room(open: fn(config::Log) -> ExpiringLog) {
    let log = open(keep(HOUR, 10 * HOUR));
    let batch = vec![
        draft("a", "old"),
        to("den", draft("b", "old")),
        draft("c", "old"),
        later(HOUR, draft("d", "young")),
        draft("e", "old, but after one that is not"),
    ];
    assert_eq!(append(&*log.log, batch).await, "1 1 2 3 4");
    (log.expire_at)(HOUR);
    assert_eq!(log.extent("lobby").await, Extent { pruned: Seq(0), head: Seq(4) });

    (log.expire_at)(HOUR + LITTLE);
    assert_eq!(log.extent("lobby").await, Extent { pruned: Seq(2), head: Seq(4) });
    assert_eq!(log.extent("den").await, Extent { pruned: Seq(1), head: Seq(1) });
    assert_eq!(read(&*log.log, "lobby", 0, 1).await, "3:young");
    assert_eq!(read(&*log.log, "den", 0, 1).await, "");
    let heads = log.log.rooms(None, 10).await.unwrap();
    assert_eq!(heads.iter().map(|room| room.extent.head).collect::<Vec<_>>(), [Seq(1), Seq(4)]);
}

pub(crate) async fn a_room_that_is_pruned_to_its_end_goes_on_where_it_was(
    open: fn(config::Log) -> ExpiringLog,
) {
    let log = open(keep(HOUR, 10 * HOUR));
    assert_eq!(append(&*log.log, vec![draft("a", "x"), draft("b", "y")]).await, "1 2");
    let position = log.log.position().await.unwrap();
    (log.expire_at)(2 * HOUR);
    assert_eq!(log.extent("lobby").await, Extent { pruned: Seq(2), head: Seq(2) });
    assert_eq!(log.log.position().await.unwrap(), position);

    let batch = vec![draft("a", "x"), draft("a", "other"), later(2 * HOUR, draft("c", "z"))];
    assert_eq!(append(&*log.log, batch).await, "=1 ! 3", "a nonce outlives its message");
    assert!(position < log.log.position().await.unwrap(), "no position is used twice");
    assert_eq!(log.heads_after(position).await, "lobby:3");
    assert_eq!(read(&*log.log, "lobby", 0, 10).await, "3:z");
}

pub(crate) async fn what_grew_and_was_pruned_since_is_told(open: fn(config::Log) -> ExpiringLog) {
    let log = open(keep(HOUR, HOUR));
    append(&*log.log, vec![to("den", draft("a", "x")), draft("b", "y"), draft("c", "z")]).await;
    let young = later(2 * HOUR, to("attic", draft("d", "young")));
    append(&*log.log, vec![young]).await;
    (log.expire_at)(2 * HOUR);
    assert_eq!(log.heads_after(LogPosition(0)).await, "attic:1 den:1 lobby:2");
    let position = log.log.position().await.unwrap();
    assert_eq!(log.log.changes_since(position).await.unwrap(), Changes { position, heads: vec![] });
}

pub(crate) async fn what_is_left_is_read_without_a_hole(open: fn(config::Log) -> ExpiringLog) {
    let log = open(keep(HOUR, HOUR));
    let batch = (1..=9).map(|n| later(if n < 5 { Duration::ZERO } else { HOUR }, draft("", &n.to_string())));
    append(&*log.log, batch.collect()).await;
    (log.expire_at)(HOUR + LITTLE);
    assert_eq!(read(&*log.log, "lobby", 0, 2).await, "5:5 6:6");
    assert_eq!(read(&*log.log, "lobby", 6, 10).await, "7:7 8:8 9:9");
    let back = log.log.read_before(&RoomName::lobby(), Seq(7), 10).await.unwrap();
    assert_eq!(back.iter().map(|message| message.seq).collect::<Vec<_>>(), [Seq(5), Seq(6)]);
    assert_eq!(log.log.read_before(&RoomName::lobby(), Seq(5), 10).await.unwrap(), []);
}

pub(crate) async fn without_a_retention_messages_stay(open: fn(config::Log) -> ExpiringLog) {
    let log = open(keep(Duration::ZERO, HOUR));
    append(&*log.log, vec![draft("a", "x")]).await;
    (log.expire_at)(1_000_000 * HOUR);
    assert_eq!(read(&*log.log, "lobby", 0, 10).await, "1:x");
}

pub(crate) async fn a_nonce_is_remembered_for_its_time(open: fn(config::Log) -> ExpiringLog) {
    let log = open(keep(Duration::ZERO, HOUR));
    assert_eq!(append(&*log.log, vec![draft("a", "x"), later(HOUR, draft("b", "x"))]).await, "1 2");
    (log.expire_at)(HOUR);
    assert_eq!(append(&*log.log, vec![draft("a", "x"), draft("b", "x")]).await, "=1 =2");
    (log.expire_at)(HOUR + LITTLE);
    assert_eq!(append(&*log.log, vec![later(HOUR, draft("a", "x")), draft("b", "x")]).await, "3 =2");
}

pub(crate) async fn a_nonce_is_known_beyond_its_message_in_its_room_and_for_its_author_alone(
    open: fn(config::Log) -> ExpiringLog,
) {
    let log = open(keep(HOUR, 2 * HOUR));
    let contains_nonce = async |room: &str, author: &str, nonce: &str| {
        let (room, author, nonce) = (room.parse().unwrap(), author.parse().unwrap(), nonce.parse().unwrap());
        log.log.contains_nonce(&room, &author, &nonce).await.unwrap()
    };
    assert!(!contains_nonce("lobby", "ada", "a").await, "nothing is stored");
    append(&*log.log, vec![draft("a", "x"), to("den", draft("b", "y"))]).await;
    for time in [Duration::ZERO, HOUR + LITTLE, 2 * HOUR] {
        (log.expire_at)(time);
        assert!(
            contains_nonce("lobby", "ada", "a").await && contains_nonce("den", "ada", "b").await,
            "after {time:?}"
        );
        for (room, author, nonce) in [("lobby", "ada", "b"), ("lobby", "bob", "a"), ("den", "ada", "a")] {
            assert!(!contains_nonce(room, author, nonce).await, "{room} {author} {nonce}");
        }
    }
    assert_eq!(log.extent("lobby").await.pruned, Seq(1));
    (log.expire_at)(2 * HOUR + LITTLE);
    assert!(!contains_nonce("lobby", "ada", "a").await, "it has expired");
}

/// Settings for a log of this size, to be filled with messages of about 1 kB.
fn small(kilobytes: u64) -> config::Log {
    config::Log { retention_bytes: kilobytes * 1_024, ..keep(Duration::ZERO, HOUR) }
}

async fn fill(log: &ExpiringLog, count: usize) {
    let text = "x".repeat(1_024);
    for _ in 0..count / 100 {
        append(&*log.log, (0..100).map(|_| draft("", &text)).collect()).await;
    }
}

pub(crate) async fn a_log_that_is_too_large_loses_its_oldest(open: fn(config::Log) -> ExpiringLog) {
    let log = open(small(4_000));
    append(&*log.log, vec![to("den", draft("a", "the oldest"))]).await;
    fill(&log, 2_000).await;
    (log.expire_at)(LITTLE);
    assert_eq!(log.extent("den").await, Extent { pruned: Seq(0), head: Seq(1) }, "it is not too large");
    fill(&log, 3_000).await;
    (log.expire_at)(LITTLE);
    assert_eq!(log.extent("den").await, Extent { pruned: Seq(1), head: Seq(1) });
    let Extent { pruned, head } = log.extent("lobby").await;
    assert_eq!(head, Seq(5_000));
    assert!(Seq(1_000) <= pruned && pruned < Seq(4_000), "{pruned}");
    let read = log.log.read(&RoomName::lobby(), Seq::ZERO, 1).await.unwrap();
    assert_eq!(read[0].seq, pruned.next());
}

pub(crate) async fn the_newest_messages_stay_however_large_they_are(open: fn(config::Log) -> ExpiringLog) {
    let log = open(small(1));
    fill(&log, KEPT_MIN + 700).await;
    (log.expire_at)(LITTLE);
    let extent = Extent { pruned: Seq(700), head: Seq(KEPT_MIN as u64 + 700) };
    assert_eq!(log.extent("lobby").await, extent);
}
