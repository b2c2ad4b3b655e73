//! Executes a run: clients join, messages are sent, outstanding ones are awaited, and the result is judged.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    client::{Client, Role},
    dialect::Dialect,
    http::{Http, Jar},
    identity::Texts,
    judge::Member,
    options::{LOBBY, Namespace, Options, Transport},
    progress::print_progress,
    record::Record,
    report::Report,
    schedule::Schedule,
    shared::{Phase, RoomStart, Shared},
};

/// How long clients may take to join after the last one was started.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// How often conditions are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long to watch for repeats after the last message arrived.
const REPEAT_WATCH: Duration = Duration::from_secs(1);

/// Executes a run. A first `stop` ends the sending, a second one the waiting.
///
/// # Errors
///
/// There is no verdict: not all clients could join, or no message was stored.
pub async fn run(options: Options, stop: &Notify) -> anyhow::Result<Report> {
    let rooms = room_starts(&options).await?;
    let names = options.room_names();
    let roles = roles(&options, &names);
    let members: Vec<Member> = roles.iter().map(|role| member(role, &rooms)).collect();
    let record = Record::new(&names, &members, options.urls.len(), options.duration);
    let texts = Texts::new(&format!("{:08x}", fastrand::u32(..)), options.text_bytes);
    let shared = Arc::new(Shared::new(options, rooms, texts, record));
    let options = &shared.options;

    let mut tasks = JoinSet::new();
    tasks.spawn(print_progress(shared.clone()));
    let (phase, phases) = watch::channel(Phase::Connecting);
    connect_all(&shared, roles, &phases, &mut tasks).await?;

    let begin = Instant::now();
    phase.send_replace(Phase::Sending(begin));
    eprintln!("all {} clients are in their rooms; sending", options.clients);
    tokio::select! {
        () = sleep(options.duration) => {}
        () = stop.notified() => drop(phase.send_replace(Phase::Settling(begin))),
    }
    let (sent_for, settling) = (begin.elapsed(), Instant::now());
    tokio::select! {
        _ = timeout(options.settle, settle(&shared)) => {}
        () = stop.notified() => {}
    }
    let settled_in = settling.elapsed();
    tasks.shutdown().await;
    let shared = Arc::into_inner(shared).context("a client outlived the run")?;
    let record = shared.record();
    let verdict = record.judge.so_far();
    ensure!(
        0 < verdict.acked + verdict.unacked(),
        "nothing was stored, so that there is nothing to judge; refusals: {:?}",
        record.refusals
    );
    drop(record);
    Ok(Report::new(shared, sent_for, settled_in))
}

/// Waits until every delivery has arrived, then watches for repeats.
async fn settle(shared: &Shared) {
    let clients = shared.options.clients as usize;
    while shared.finished.load(Ordering::Relaxed) < clients || !shared.record().judge.is_complete() {
        sleep(POLL_INTERVAL).await;
    }
    eprintln!("everything is complete");
    sleep(REPEAT_WATCH).await;
}

/// Starts the clients and waits until each has joined its room.
async fn connect_all(
    shared: &Arc<Shared>,
    roles: Vec<Role>,
    phases: &watch::Receiver<Phase>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let (begin, clients, rate) = (Instant::now(), roles.len(), shared.options.connect_rate);
    for (started, role) in (0_u32..).zip(roles) {
        let at = begin + Duration::from_secs_f64(f64::from(started) / rate);
        tokio::time::sleep_until(at.into()).await;
        tasks.spawn(Client::new(role, shared.clone(), phases.clone()).run());
    }
    let all_joined = async {
        while shared.joined.load(Ordering::Relaxed) < clients {
            sleep(POLL_INTERVAL).await;
        }
    };
    let in_time = timeout(CONNECT_TIMEOUT, all_joined).await.is_ok();
    let (joined, record) = (shared.joined.load(Ordering::Relaxed), shared.record());
    ensure!(
        in_time,
        "only {joined} of {clients} clients joined their rooms; failed connects: {:?}; disconnects: {:?}",
        record.failed_connects,
        record.disconnects
    );
    Ok(())
}

/// Spreads the clients over URLs, namespaces, transports and rooms so that every combination occurs.
///
/// A client's number is read as digits of mixed radix, one digit for each choice.
fn roles(options: &Options, rooms: &[String]) -> Vec<Role> {
    let senders = options.sender_count();
    let lobby = rooms.iter().position(|room| room == LOBBY);
    let role = |number: u32| {
        let mut rest = number as usize;
        let mut digit = |base: usize| {
            let digit = rest % base;
            rest /= base;
            digit
        };
        let url = digit(options.urls.len());
        let dialect = match options.namespace {
            Namespace::Chat => Dialect::Native,
            Namespace::Tutorial => Dialect::Tutorial,
            Namespace::Mixed => [Dialect::Native, Dialect::Tutorial][digit(2)],
        };
        let transport = match options.transport {
            Transport::Mixed => [Transport::Websocket, Transport::Polling][digit(2)],
            one => one,
        };
        let room = match (dialect, lobby) {
            (Dialect::Tutorial, Some(lobby)) => lobby,
            _ => digit(options.rooms as usize),
        };
        let schedule = match options.in_flight {
            _ if senders <= number => Schedule::ReceiveOnly,
            Some(window) => Schedule::InFlight(window as usize),
            None => Schedule::fixed_rate(number, senders, options.rate),
        };
        Role { number: number as usize, url, dialect, transport, room, schedule }
    };
    (0..options.clients).map(role).collect()
}

fn member(role: &Role, rooms: &[RoomStart]) -> Member {
    Member { room: role.room, dense: role.dialect == Dialect::Native, after: rooms[role.room].head }
}

/// Reads each room's epoch and head from the first URL that answers; clients are judged on what follows.
async fn room_starts(options: &Options) -> anyhow::Result<Vec<RoomStart>> {
    let mut failed = anyhow::anyhow!("no URL");
    'urls: for target in &options.urls {
        let mut http = Http::new(target.clone(), Jar::default());
        let mut rooms = Vec::new();
        for room in options.room_names() {
            match timeout(CONNECT_TIMEOUT, room_start(&mut http, &room, options.namespace)).await {
                Ok(Ok(start)) => rooms.push(start),
                Ok(Err(error)) => {
                    failed =
                        error.context(format!("{} does not say where {room} stands", target.authority()));
                    continue 'urls;
                }
                Err(_) => continue 'urls,
            }
        }
        return Ok(rooms);
    }
    Err(failed)
}

#[derive(Deserialize)]
struct Page {
    epoch: String,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    seq: u64,
}

async fn room_start(http: &mut Http, room: &str, namespace: Namespace) -> anyhow::Result<RoomStart> {
    let path = format!("/api/rooms/{room}/messages?limit=1");
    let (status, body) = http.request(Method::GET, &path, String::new()).await?;
    // A server that implements only the tutorial has no HTTP API; assume that its room is empty.
    if status == StatusCode::NOT_FOUND && namespace == Namespace::Tutorial {
        return Ok(RoomStart { room: room.to_owned(), epoch: String::new(), head: 0 });
    }
    ensure!(status == StatusCode::OK, "status {status}: {body:.200}");
    let page: Page = serde_json::from_str(&body)?;
    let head = page.messages.last().map_or(0, |message| message.seq);
    Ok(RoomStart { room: room.to_owned(), epoch: page.epoch, head })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::Parser as _;

    use super::*;

    #[test]
    fn every_kind_of_client_is_at_every_node() {
        let line =
            "chorus-load http://a http://b --clients 8 --namespace mixed --transport mixed --senders 5";
        let options = Options::parse_from(line.split(' '));
        let roles = roles(&options, &options.room_names());
        let kind =
            |role: &Role| (role.url, role.dialect == Dialect::Native, role.transport == Transport::Polling);
        assert_eq!(roles.iter().map(kind).collect::<HashSet<_>>().len(), 8);
        assert_eq!(roles.iter().filter(|role| !matches!(role.schedule, Schedule::ReceiveOnly)).count(), 5);
    }

    #[test]
    fn clients_of_the_tutorial_are_in_the_lobby_and_the_others_share_the_rooms() {
        let options =
            Options::parse_from("chorus-load http://a --clients 8 --namespace mixed --rooms 2".split(' '));
        let rooms = options.room_names();
        assert_eq!(rooms, ["lobby-1", "lobby-2", "lobby"]);
        let inside: Vec<_> = roles(&options, &rooms).iter().map(|role| role.room).collect();
        assert_eq!(inside, [0, 2, 1, 2, 0, 2, 1, 2]);
    }
}
