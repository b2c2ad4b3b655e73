//! What `/chat` asks and is told of people: who is in a room, who comes and goes, who is typing, which nodes there are.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use socketioxide::extract::AckSender;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    chat::{
        ear::{Ear, News},
        session::Session,
        types::RoomName,
    },
    gateway::{
        Gateway,
        outlet::Answers,
        protocol::answer::{AuthorJson, nodes_json, people_json, who_json},
    },
};

use super::outlet::NativeOutlet;

/// Pause between two signs of typing that one session gives in one room; what it gives meanwhile is dropped.
const TYPING_PAUSE: Duration = Duration::from_secs(2);

/// Places in the engine's buffer that news leave to messages and answers.
const PLACES_LEFT: usize = 24;

/// A session's questions that wait for other nodes at one time; others get what this node knows.
const QUESTIONS_MAX: usize = 2;

/// One socket's dealings with people.
pub(super) struct People {
    gateway: Arc<Gateway>,
    session: Arc<Session>,
    out: Arc<NativeOutlet>,
    questions: Arc<Semaphore>,
    /// Where it typed last, and when: only rooms that it is in.
    typed: Vec<(RoomName, Instant)>,
}

impl People {
    pub(super) fn new(gateway: &Arc<Gateway>, session: &Arc<Session>, out: &Arc<NativeOutlet>) -> Self {
        Self {
            gateway: gateway.clone(),
            session: session.clone(),
            out: out.clone(),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            typed: Vec::new(),
        }
    }

    /// Tells the others in a room that someone is typing, if it is in there and has not told them just now.
    pub(super) fn typing(&mut self, room: RoomName, now: Instant) {
        self.typed.retain(|(_, at)| now.saturating_duration_since(*at) < TYPING_PAUSE);
        if self.session.is_in(&room) && !self.typed.iter().any(|(typed, _)| *typed == room) {
            self.session.type_in(&room);
            self.typed.push((room, now));
        }
    }

    /// Answers who is in a room. What this node does not know is asked for aside: no post waits for it.
    pub(super) async fn who(&self, room: RoomName, ack: AckSender, answers: &mut Answers) {
        let company = self.gateway.company.clone();
        match company.known(&room) {
            Some(who) => answers.send_long(ack, &json!({ "ok": who_json(&who) })).await,
            None => {
                let guess = who_json(&company.guess(&room));
                self.aside(ack, answers, guess, async move { who_json(&company.who(&room).await) }).await;
            }
        }
    }

    /// Answers which nodes are alive.
    pub(super) async fn nodes(&self, ack: AckSender, answers: &mut Answers) {
        let company = self.gateway.company.clone();
        let alone = nodes_json(&[company.status()]);
        self.aside(ack, answers, alone, async move { nodes_json(&company.nodes().await) }).await;
    }

    /// Answers when `answer` comes, or with `else_` if too many of this socket's answers are awaited.
    async fn aside(
        &self,
        ack: AckSender,
        answers: &mut Answers,
        else_: Value,
        answer: impl Future<Output = Value> + Send + 'static,
    ) {
        let Ok(turn) = self.questions.clone().try_acquire_owned() else {
            return answers.send_long(ack, &json!({ "ok": else_ })).await;
        };
        let link = &self.out.outlet.link;
        let mut answers = Answers::new(link, self.session.ended(), self.gateway.stall_timeout);
        self.gateway.tracker.spawn(async move {
            answers.send_long(ack, &json!({ "ok": answer.await })).await;
            drop(turn);
        });
    }
}

/// Tells a socket the news of its rooms' people, when messages leave room for it. It does not end.
pub(super) async fn tell(out: &NativeOutlet, ear: &Ear) {
    let mut drains = out.outlet.link.drains();
    loop {
        let news = ear.next().await;
        while !emit(out, &news) {
            drains = out.outlet.link.drained_since(drains).await;
        }
    }
}

fn emit(out: &NativeOutlet, news: &News) -> bool {
    if out.outlet.link.room() <= PLACES_LEFT {
        return false;
    }
    match news {
        News::People(room, change) => out.outlet.emit("presence", &people_json(room, change)),
        News::Typing(room, author) => {
            let typing = json!({ "room": room.as_str(), "user": AuthorJson::from(author) });
            out.outlet.emit("typing", &typing)
        }
    }
}
