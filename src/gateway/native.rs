//! Namespace `/chat`: the native protocol of the page, the load test and rich clients.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler as _,
};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    chat::{
        ear::Ear,
        post::{Post, PostError},
        sender::Sender,
        sender_order::PostIndex,
        service::{Entered, JoinError, Start},
        session::Session,
        types::{Author, Hue, RoomName, UserName},
    },
    sync::lock,
    telemetry::{metrics, trace::Root},
};

use super::{
    Gateway, RUN_MAX,
    admission::Hello,
    intake::{self, Incoming, Intake, Waiting},
    link::{Cut, Link},
    outlet::{Answers, Outlet},
    protocol::{
        Refusal,
        answer::{
            LimitsJson, SessionJson, history_json, identity_json, joined_json, receipt_json, rooms_json,
        },
        request::{Place, Request},
    },
};

use outlet::NativeOutlet;
use people::People;

mod outlet;
mod people;

/// The newest messages that a join gets at most; older ones are asked for by `history`.
const HISTORY_MAX: u64 = 1_000;

/// Opens the namespace.
pub(super) fn attach(io: &SocketIo, gateway: &Arc<Gateway>) {
    let (admitting, connecting) = (gateway.clone(), gateway.clone());
    let admit = move |socket: SocketRef, auth: TryData<Value>| {
        let admitted = admit(&admitting, &socket, &auth.0.unwrap_or_default());
        std::future::ready(admitted.inspect_err(|refusal| metrics::refused(refusal.code)))
    };
    let connect = move |socket: SocketRef| {
        if let Some(admitted) = intake::take::<Admitted>(&socket) {
            connecting.tracker.spawn(Socket::run(connecting.clone(), socket, admitted));
        }
        std::future::ready(())
    };
    io.ns("/chat", connect.with(admit));
}

/// A socket that was let in and is not connected yet.
struct Admitted {
    intake: Intake,
    sender: Sender,
    rooms: Vec<(RoomName, Place)>,
}

fn admit(gateway: &Arc<Gateway>, socket: &SocketRef, auth: &Value) -> Result<(), Refusal> {
    let now = gateway.chat.clock().now();
    let hello = Hello::parse(auth, &gateway.tokens, now, gateway.limits.rooms_per_session)?;
    let sender = gateway.chat.sender(hello.user, true);
    let order = sender.order().expect("a sender that waits has an order");
    let (numbering, refusing) = (order.clone(), order);
    let (link, bytes_max) = (gateway.links.link(socket.id), gateway.limits.max_message_bytes);
    let held = link.clone();
    let number = move || lock(&numbering).number();
    let overflow = move |incoming: Incoming| {
        let Incoming { event, args, ack, index, .. } = incoming;
        let refusal = Refusal::from(PostError::Overloaded);
        metrics::refused(refusal.code);
        if let Some(Ok(Request::Post(room, nonce, _))) =
            args.map(|args| Request::parse(&event, &args, bytes_max))
        {
            let mut order = lock(&refusing);
            order.refused(index, &room, &nonce, Instant::now());
        }
        // Without room for the answer there is none: the client asks again.
        if link.take() {
            drop(ack.send(&refusal.to_json()));
        }
    };
    let intake = Intake::register(socket, held, gateway.bounds(), number, overflow);
    intake::leave(socket, Admitted { intake, sender, rooms: hello.rooms });
    Ok(())
}

/// A connected socket of the namespace.
struct Socket {
    gateway: Arc<Gateway>,
    out: Arc<NativeOutlet>,
    session: Arc<Session>,
    sender: Sender,
    answers: Answers,
    people: People,
}

impl Socket {
    /// Lives as long as the socket. What was read of it before it went is still stored.
    async fn run(gateway: Arc<Gateway>, socket: SocketRef, admitted: Admitted) {
        let Admitted { intake, sender, rooms } = admitted;
        let Intake { queue, ended, end } = intake;
        let ear = Ear::new(&gateway.company, sender.author().clone());
        let session = gateway.chat.session_of(ear.clone(), ended.clone());
        let outlet = Outlet::new(socket, &gateway.links, "/chat", end);
        let answers = Answers::new(&outlet.link, &ended, gateway.stall_timeout);
        let out = Arc::new(NativeOutlet::new(outlet, sender.author().clone(), &gateway));
        let people = People::new(&gateway, &session, &out);
        let mut this = Self {
            gateway: gateway.clone(),
            out: out.clone(),
            session: session.clone(),
            sender,
            answers,
            people,
        };

        let log = gateway.chat.log();
        let moves = pin!(async {
            let pump = session.pump(log.as_ref(), out.as_ref(), gateway.stall_timeout);
            tokio::join!(pump, ended.run_until_cancelled(people::tell(&out, &ear)));
        });
        let requests = pin!(async {
            // What is rarely under way has its own memory, which an idle socket gives back.
            Box::pin(this.begin(rooms)).await;
            loop {
                match queue.take(RUN_MAX).await {
                    batch if batch.is_empty() => break,
                    batch => Box::pin(this.take(batch)).await,
                }
            }
        });
        out.outlet.live(&ended, &queue, moves, requests).await;
    }

    /// Joins the rooms of before, greets, and lets the cursors go.
    async fn begin(&mut self, rooms: Vec<(RoomName, Place)>) {
        let mut entered = Vec::new();
        for (room, place) in rooms {
            let or_newest = u64::from(self.gateway.history.on_join);
            let start = Start::After { epoch: Some(place.epoch), seq: place.seq, or_newest };
            match self.gateway.join(&self.session, &room, start, &self.out.outlet.link).await {
                Some(room) => entered.push(room),
                None => return,
            }
        }
        let now = self.gateway.chat.clock().now();
        let epoch = self.gateway.chat.log().epoch();
        let rooms = entered.iter().map(|room| (room.name().to_string(), joined_json(room.joined(), epoch)));
        let greeting = SessionJson {
            session: self.out.outlet.socket.id.to_string(),
            token: self.gateway.tokens.issue(self.sender.author(), now),
            user: self.sender.author().into(),
            node: self.gateway.chat.node().as_str(),
            epoch: epoch.to_string(),
            limits: self.limits(),
            rooms: rooms.collect::<BTreeMap<_, _>>(),
        };
        self.out.outlet.emit_when_drained("session", &greeting, self.session.ended()).await;
        entered.into_iter().for_each(Entered::follow);
    }

    fn limits(&self) -> LimitsJson {
        let limits = &self.gateway.limits;
        LimitsJson {
            max_message_bytes: limits.max_message_bytes,
            messages_per_second: limits.messages_per_second,
            rooms_per_session: limits.rooms_per_session,
            requests_in_flight: limits.requests_in_flight,
        }
    }

    /// Does what was read, in its order; posts that follow each other are one run.
    async fn take(&mut self, batch: Vec<Waiting>) {
        let mut run: Vec<(PostIndex, Post)> = Vec::new();
        let mut acks: Vec<(AckSender, Option<Root>)> = Vec::new();
        for (Incoming { event, args, ack, index, root }, _bytes) in batch {
            let parsed =
                args.ok_or_else(|| Refusal::new("bad_request", "the arguments are not JSON, or too long"));
            match parsed.and_then(|args| Request::parse(&event, &args, self.gateway.limits.max_message_bytes))
            {
                Ok(Request::Post(room, nonce, saying)) => {
                    root.iter().for_each(Root::taken);
                    let trace = root.as_ref().map(Root::context);
                    run.push((index, Post { room, nonce: Some(nonce), saying, trace }));
                    acks.push((ack, root));
                }
                Ok(request) => {
                    self.post(std::mem::take(&mut run), std::mem::take(&mut acks)).await;
                    self.answer(request, ack).await;
                }
                Err(refusal) => self.refuse(ack, &refusal).await,
            }
        }
        self.post(run, acks).await;
    }

    async fn post(&mut self, run: Vec<(PostIndex, Post)>, mut acks: Vec<(AckSender, Option<Root>)>) {
        if run.is_empty() {
            return;
        }
        let log_span = Root::log_span(acks.iter().map(|(_, root)| root));
        let outcomes = self.sender.post(run).instrument(log_span).await;
        acks.iter_mut().filter_map(|(_, root)| root.as_mut()).for_each(Root::answered);
        for (outcome, (ack, root)) in outcomes.into_iter().zip(acks) {
            let outcome = outcome.map_err(Refusal::from);
            match &outcome {
                Ok(receipt) => self.answers.send(ack, &json!({ "ok": receipt_json(*receipt) })).await,
                Err(refusal) => self.refuse(ack, refusal).await,
            }
            if let Some(root) = root {
                root.end(outcome.map(|receipt| receipt.seq.0).map_err(|refusal| refusal.code));
            }
        }
    }

    async fn refuse(&mut self, ack: AckSender, refusal: &Refusal) {
        metrics::refused(refusal.code);
        self.answers.send(ack, &refusal.to_json()).await;
    }

    async fn answer(&mut self, request: Request, ack: AckSender) {
        // Of what a socket left behind only its posts count.
        if self.session.ended().is_cancelled() {
            return;
        }
        let answered = match request {
            Request::Join { room, after, history } => return self.join(room, after, history, ack).await,
            Request::Leave(room) => {
                self.session.leave(&room);
                Ok(json!({}))
            }
            Request::History { room, before, limit } => {
                let page = self.gateway.chat.history(&room, before, limit).await;
                page.map(|page| history_json(&page, Some(self.sender.author())))
            }
            Request::Rooms { after, limit } => {
                let rooms = self.gateway.chat.rooms(after.as_ref(), limit).await;
                rooms.map(|rooms| rooms_json(&rooms, Some(self.sender.author())))
            }
            Request::Rename { name, color } => Ok(self.rename(name, color)),
            Request::Typing(room) => {
                self.people.typing(room, tokio::time::Instant::now());
                Ok(json!({}))
            }
            Request::Who(room) => return self.people.who(room, ack, &mut self.answers).await,
            Request::Nodes => return self.people.nodes(ack, &mut self.answers).await,
            Request::Post(..) => unreachable!("posts are taken in runs"),
        };
        match answered {
            Ok(answer) => self.answers.send_long(ack, &json!({ "ok": answer })).await,
            Err(error) => self.refuse(ack, &error.into()).await,
        }
    }

    /// What is posted from now on is said under this name.
    fn rename(&mut self, name: UserName, color: Option<Hue>) -> Value {
        let before = self.sender.author();
        let user = Author { id: before.id.clone(), name, color: color.or(before.color) };
        let token = self.gateway.tokens.issue(&user, self.gateway.chat.clock().now());
        let answer = identity_json(&user, &token);
        self.session.rename(user.clone());
        self.sender.rename(user);
        answer
    }

    /// Answers first: nothing of the room comes before its client knows where it begins.
    async fn join(&mut self, room: RoomName, after: Option<Place>, history: Option<u64>, ack: AckSender) {
        let newest = history.unwrap_or(u64::from(self.gateway.history.on_join)).min(HISTORY_MAX);
        let start = match after {
            Some(place) => Start::After { epoch: Some(place.epoch), seq: place.seq, or_newest: newest },
            None => Start::Newest(newest),
        };
        match self.gateway.chat.join(&self.session, &room, start).await {
            Ok(entered) => {
                let joined = joined_json(entered.joined(), self.gateway.chat.log().epoch());
                self.answers.send(ack, &json!({ "ok": joined })).await;
                entered.follow();
            }
            Err(error) => self.refuse(ack, &error.into()).await,
        }
    }
}

impl Gateway {
    /// Joins a room that a connecting client was in, as soon as the log can be read. If that
    /// takes too long, the client is made to come back, perhaps to a node that can.
    pub(super) async fn join(
        &self,
        session: &Arc<Session>,
        room: &RoomName,
        start: Start,
        link: &Link,
    ) -> Option<Entered> {
        let tries = async {
            loop {
                match self.chat.join(session, room, start).await {
                    Ok(entered) => return Some(entered),
                    // The number of rooms was checked when the client was let in.
                    Err(JoinError::TooManyRooms(_)) => return None,
                    Err(JoinError::Read(_)) => tokio::time::sleep(Duration::from_millis(250)).await,
                }
            }
        };
        let patience = session.patience(self.stall_timeout);
        let entered = session.ended().run_until_cancelled(tokio::time::timeout(patience, tries)).await?;
        entered.unwrap_or_else(|_| {
            link.cut(Cut::LogUnreadable);
            session.ended().cancel();
            None
        })
    }
}
