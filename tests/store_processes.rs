//! Tests several real processes on one log, which are killed and frozen.
//!
//! A helper process ([`Helper`]) is this test binary again. Its environment says what to do, and it reports on its
//! standard output.

#![expect(clippy::unwrap_used, reason = "a helper function panics as its test would")]

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use chorus::{
    chat::{
        model::{Author, Draft, Kind, Message, MessageText, RoomName, Seq, UnixMs},
        ports::{AppendError, Appended, Clock, MessageLog},
    },
    config,
    store::sqlite::SqliteLog,
};
use futures_util::future::join_all;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;

/// Environment variables: a helper process's command, and the log's file.
const COMMAND: &str = "CHORUS_TEST_COMMAND";
const FILE: &str = "CHORUS_TEST_FILE";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixMs {
        UnixMs(1_700_000_000_000)
    }
}

fn open(file: &Path) -> Arc<SqliteLog> {
    let settings = config::Log {
        url: format!("sqlite://{}", file.display()),
        append_timeout: Duration::from_secs(2),
        ..config::Log::default()
    };
    SqliteLog::open(&settings, Arc::new(FixedClock), mpsc::channel(1).0).unwrap()
}

fn draft(text: &str) -> Draft {
    draft_to(RoomName::lobby(), text)
}

fn draft_to(room: RoomName, text: &str) -> Draft {
    Draft {
        room,
        kind: Kind::Text,
        target: None,
        author: Author { id: "ada".parse().unwrap(), name: "Ada".parse().unwrap(), color: None },
        nonce: Some(text.parse().unwrap()),
        text: MessageText::new(text, 8_192).unwrap(),
        at: FixedClock.now(),
        node: "node-1".parse().unwrap(),
        trace: None,
    }
}

async fn read_all(log: &SqliteLog) -> Vec<Arc<Message>> {
    read_room(log, &RoomName::lobby()).await
}

async fn read_room(log: &SqliteLog, room: &RoomName) -> Vec<Arc<Message>> {
    let mut messages = Vec::new();
    loop {
        let after = messages.last().map_or(Seq::ZERO, |message: &Arc<Message>| message.seq);
        let page = log.read(room, after, 1_000).await.unwrap();
        if page.is_empty() {
            return messages;
        }
        messages.extend(page);
    }
}

/// Another process on the same log, killed when this is dropped.
struct Helper {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    fn start(task: &str, file: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "helper", "--nocapture", "--test-threads=1"]);
        command.env(COMMAND, task).env(FILE, file).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that the helper has reported, without the test harness's own.
    fn next_line(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("> ").map(|(_, text)| text.to_owned()))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The helper process: runs the command that the environment names. Run as an ordinary test, it does nothing.
#[tokio::test]
async fn helper() {
    let (Ok(command), Some(file)) = (std::env::var(COMMAND), std::env::var_os(FILE)) else { return };
    let log = open(&PathBuf::from(file));
    let (verb, name) = command.split_once(' ').unwrap();
    match verb {
        // Appends texts for ever, and reports each once it is acked.
        "ack" => {
            for n in 0.. {
                let text = format!("{name}-{n}");
                if log.append(vec![draft(&text)]).await.is_ok() {
                    println!("> {text}");
                }
            }
        }
        // Appends a fixed number of texts from several tasks, and reports how long the slowest took.
        "write" => {
            let slowest = join_all((0..WRITERS).map(|writer| write(&log, format!("{name}-{writer}")))).await;
            println!("> {}", slowest.into_iter().max().unwrap().as_millis());
        }
        // Appends to two rooms from several tasks for ever, and reports what is acked.
        "race" => {
            join_all((0..WRITERS).map(|writer| race(&log, format!("{name}-{writer}")))).await;
        }
        // Checkpoints the write-ahead log for ever, as a janitor does.
        "checkpoint" => loop {
            let connection = Connection::open(std::env::var_os(FILE).unwrap()).unwrap();
            connection.busy_timeout(Duration::from_millis(20)).unwrap();
            for mode in ["PASSIVE", "PASSIVE", "TRUNCATE"] {
                let _ = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
                println!("> {mode}");
            }
        },
        // Appends its name once and reports the outcome.
        "append" => println!("> {:?}", log.append(vec![draft(name)]).await),
        _ => unreachable!("no command {command}"),
    }
}

const PROCESSES: usize = 3;
const WRITERS: usize = 4;
const EACH: usize = 50;

/// Appends [`EACH`] texts one after the other; none may fail. Returns the longest wait.
async fn write(log: &SqliteLog, name: String) -> Duration {
    let mut slowest = Duration::ZERO;
    for n in 0..EACH {
        let started = Instant::now();
        let appended = log.append(vec![draft(&format!("{name}-{n}"))]).await.unwrap();
        assert!(matches!(appended[..], [Appended::Stored(_)]), "{appended:?}");
        slowest = slowest.max(started.elapsed());
    }
    slowest
}

#[tokio::test]
async fn processes_that_write_at_once_make_one_sequence_and_none_starves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    // They also create the log at the same time.
    let mut helpers: Vec<_> =
        (0..PROCESSES).map(|process| Helper::start(&format!("write p{process}"), &file, &[])).collect();
    for helper in &mut helpers {
        let slowest_ms: u64 = helper.next_line().expect("it wrote all").parse().unwrap();
        assert!(slowest_ms < 2_000, "one write took {slowest_ms} ms");
    }

    let messages = read_all(&open(&file)).await;
    assert_eq!(messages.len(), PROCESSES * WRITERS * EACH);
    assert!(messages.iter().zip(1..).all(|(message, seq)| message.seq == Seq(seq)), "there is a hole");
    for process in 0..PROCESSES {
        for writer in 0..WRITERS {
            let name = format!("p{process}-{writer}-");
            let texts =
                messages.iter().filter_map(|message| message.draft.text.as_str().strip_prefix(&*name));
            let order: Vec<usize> = texts.map(|n| n.parse().unwrap()).collect();
            assert_eq!(order, (0..EACH).collect::<Vec<_>>(), "{name} lost its order");
        }
    }
}

#[tokio::test]
async fn what_was_acked_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let mut acked = Vec::new();
    for round in 0..3 {
        let mut helper = Helper::start(&format!("ack {round}"), &file, &[]);
        acked.extend((0..20).map(|_| helper.next_line().unwrap()));
        helper.signal(Signal::KILL);
        acked.extend(std::iter::from_fn(|| helper.next_line()));
    }

    let log = open(&file);
    let texts: Vec<_> =
        read_all(&log).await.iter().map(|message| message.draft.text.as_str().to_owned()).collect();
    for text in &acked {
        let times = texts.iter().filter(|stored| *stored == text).count();
        assert_eq!(times, 1, "{text}");
    }
    let repeated = log.append(vec![draft(&acked[0])]).await.unwrap();
    assert!(matches!(repeated[..], [Appended::Known(_)]), "{repeated:?}");
}

/// Appends batches of up to three drafts for ever, and reports each acked text with its room.
async fn race(log: &SqliteLog, name: String) {
    for n in 0.. {
        let room = ROOMS[n % ROOMS.len()];
        let texts: Vec<_> = (0..=n % 3).map(|part| format!("{name}-{n}-{part}")).collect();
        let batch = texts.iter().map(|text| draft_to(room.parse().unwrap(), text)).collect();
        if log.append(batch).await.is_ok() {
            texts.iter().for_each(|text| println!("> {room} {text}"));
        }
    }
}

const ROOMS: [&str; 2] = ["lobby", "den"];

/// Kills per file in the next test. `KILLS=5000` uses more files.
const KILLS: usize = 200;

/// A seeded random number generator: splitmix64.
struct SeededRng(u64);

impl SeededRng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % bound
    }
}

/// Checks that the file is intact, that no room has a hole or a duplicate, and that every acked text is stored.
async fn check(file: &Path, acked: &[HashSet<String>; 2], round: usize) -> Connection {
    let log = open(file);
    for (room, acked) in ROOMS.iter().zip(acked) {
        let messages = read_room(&log, &room.parse().unwrap()).await;
        let dense = messages.iter().zip(1..).all(|(message, seq)| message.seq == Seq(seq));
        assert!(dense, "round {round}: {room} has a hole");
        let texts: HashSet<_> = messages.iter().map(|message| message.draft.text.as_str()).collect();
        assert_eq!(texts.len(), messages.len(), "round {round}: {room} has a message twice");
        let lost: Vec<_> = acked.iter().filter(|text| !texts.contains(text.as_str())).collect();
        assert!(lost.is_empty(), "round {round}: {room} has lost {lost:?}");
    }
    log.close().await;
    let connection = Connection::open(file).unwrap();
    let result: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(result, "ok", "round {round}");
    connection
}

#[tokio::test]
async fn a_log_is_whole_and_holds_every_ack_after_hundreds_of_kills_at_any_moment() {
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    for seed in 1..=kills.div_ceil(KILLS) {
        kill_processes(seed as u64).await;
    }
}

/// Kills the processes on one file again and again, and checks the file after each round.
async fn kill_processes(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let (mut rng, mut acked) = (SeededRng(seed), [HashSet::new(), HashSet::new()]);
    let mut kept = None;
    for round in 0..KILLS.div_ceil(PROCESSES + 1) {
        let commands = (0..PROCESSES).map(|process| format!("race {round}-{process}"));
        let commands: Vec<_> = commands.chain(["checkpoint log".to_owned()]).collect();
        let mut helpers: Vec<_> = commands.iter().map(|command| Helper::start(command, &file, &[])).collect();
        let mut reported = Vec::new();
        for helper in &mut helpers {
            reported.extend((0..rng.below(40)).map(|_| helper.next_line().expect("it lives")));
            std::thread::sleep(Duration::from_micros(rng.below(3_000)));
            helper.signal(Signal::KILL);
        }
        for helper in &mut helpers {
            reported.extend(std::iter::from_fn(|| helper.next_line()));
        }
        for (room, text) in reported.iter().filter_map(|line| line.split_once(' ')) {
            acked[usize::from(room == ROOMS[1])].insert(text.to_owned());
        }
        // A connection that stays open keeps the write-ahead log for the next round.
        kept = Some(check(&file, &acked, round).await).filter(|_| rng.below(2) == 0);
    }
    drop(kept);
    assert!(acked.iter().all(|acked| KILLS < acked.len()), "little was written between the kills");
}

#[tokio::test]
async fn a_frozen_process_hinders_the_others_at_most_until_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let log = open(&file);
    let mut helper = Helper::start("ack frozen", &file, &[]);
    helper.next_line().unwrap();

    // Wherever the freeze hits it, an append is stored or surely not, and the log stays readable.
    for n in 0..5 {
        helper.signal(Signal::STOP);
        let text = format!("other-{n}");
        let stored = match log.append(vec![draft(&text)]).await {
            Ok(_) => true,
            Err(AppendError::Busy | AppendError::Unavailable(_)) => false,
            Err(AppendError::Unknown(error)) => panic!("{error:#}"),
        };
        assert_eq!(read_all(&log).await.iter().any(|message| message.draft.text.as_str() == text), stored);
        helper.signal(Signal::CONT);
        helper.next_line().unwrap();
    }
    helper.signal(Signal::STOP);
    helper.signal(Signal::KILL);
    helper.child.wait().unwrap();
    log.append(vec![draft("free")]).await.unwrap();
    assert!(log.is_writable());
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_process_that_dies_between_commit_and_ack_leaves_a_message_that_its_retry_finds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let fail = [("CHORUS_FAILPOINT", "abort_after_commit")];
    let mut helper = Helper::start("append abort_after_commit", &file, &fail);
    assert_eq!(helper.next_line(), None, "it dies before it can report anything");

    let log = open(&file);
    assert_eq!(read_all(&log).await.len(), 1);
    let retried = log.append(vec![draft("abort_after_commit")]).await.unwrap();
    assert!(matches!(retried[..], [Appended::Known(_)]), "{retried:?}");
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_process_that_freezes_in_its_commit_makes_the_others_refuse_until_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let log = open(&file);
    let mut helper = Helper::start("append stop_in_commit", &file, &[("CHORUS_FAILPOINT", "stop_in_commit")]);
    let stat = format!("/proc/{}/stat", helper.child.id());
    while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let refused = log.append(vec![draft("refused")]).await;
    assert!(matches!(refused, Err(AppendError::Busy)), "{refused:?}");
    assert!(!log.is_writable());
    assert!(read_all(&log).await.is_empty());
    assert!(read_all(&open(&file)).await.is_empty(), "a node can start meanwhile");

    helper.signal(Signal::CONT);
    assert!(helper.next_line().unwrap().contains("Stored"));
    let appended = log.append(vec![draft("refused")]).await.unwrap();
    assert!(matches!(appended[..], [Appended::Stored(receipt)] if receipt.seq == Seq(2)), "{appended:?}");
}
