//! Namespace `/`: the Socket.IO tutorial's contract, to the letter, in the room `lobby`.

use std::{pin::pin, sync::Arc};

use async_trait::async_trait;
use serde_json::{Value, json};
use socketioxide::{
    SocketIo,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler as _,
};
use tracing::Instrument as _;

use crate::{
    chat::{
        cursor::Pace,
        post::{Post, PostError, Saying},
        sender::Sender,
        sender_order::{PostIndex, SenderOrder},
        service::{Entered, Start},
        session::{self, Session},
        types::{Author, Invalid, Message, MessageText, Nonce, RoomName, Seq},
    },
    sync::lock,
    telemetry::{metrics, trace::Root},
};

use super::{
    Gateway, RUN_MAX,
    admission::server_offset,
    intake::{self, Incoming, Intake, Waiting},
    link::Cut,
    outlet::{Answers, Outlet},
    protocol::{Refusal, args::Args},
};

/// The one event, both ways.
const CHAT_MESSAGE: &str = "chat message";

/// Opens the namespace.
pub(super) fn attach(io: &SocketIo, gateway: &Arc<Gateway>) {
    let (admitting, connecting) = (gateway.clone(), gateway.clone());
    let admit = move |socket: SocketRef, auth: TryData<Value>| {
        let offset = server_offset(&auth.0.unwrap_or_default());
        let order = std::sync::Mutex::new(SenderOrder::default());
        let number = move || lock(&order).number();
        // An event for which there is no room is not answered: the client's own retry brings it again.
        let link = admitting.links.link(socket.id);
        let overflow = |_| metrics::refused(Refusal::from(PostError::Overloaded).code);
        let intake = Intake::register(&socket, link, admitting.bounds(), number, overflow);
        intake::leave(&socket, (offset, intake));
        std::future::ready(Ok::<(), Refusal>(()))
    };
    let connect = move |socket: SocketRef| {
        if let Some((offset, intake)) = intake::take::<(Option<Seq>, Intake)>(&socket) {
            connecting.tracker.spawn(run(connecting.clone(), socket, offset, intake));
        }
        std::future::ready(())
    };
    io.ns("/", connect.with(admit));
}

/// Lives as long as the socket. What was read of it before it went is still stored.
async fn run(gateway: Arc<Gateway>, socket: SocketRef, offset: Option<Seq>, intake: Intake) {
    let Intake { queue, ended, end } = intake;
    let session = gateway.chat.session(ended.clone());
    let out = TutorialOutlet(Outlet::new(socket, &gateway.links, "/", end));
    let mut sender = gateway.chat.sender(Author::anonymous(), false);
    let mut answers = Answers::new(&out.0.link, &ended, gateway.stall_timeout);

    let moves = pin!(session.pump(gateway.chat.log().as_ref(), &out, gateway.stall_timeout));
    let events = pin!(async {
        // What is rarely under way has its own memory, which an idle socket gives back.
        Box::pin(begin(&gateway, &session, &out, offset)).await;
        loop {
            match queue.take(RUN_MAX).await {
                batch if batch.is_empty() => break,
                batch => Box::pin(take(&gateway, &mut sender, &mut answers, batch)).await,
            }
        }
    });
    out.0.live(&ended, &queue, moves, events).await;
}

/// Joins the lobby where the client says it is.
async fn begin(gateway: &Gateway, session: &Arc<Session>, out: &TutorialOutlet, offset: Option<Seq>) {
    let or_newest = u64::from(gateway.history.on_join);
    let start = match offset {
        None => Start::Newest(or_newest),
        Some(Seq::ZERO) if 0 < gateway.history.tutorial_max => {
            Start::Newest(u64::from(gateway.history.tutorial_max))
        }
        Some(seq) => Start::After { epoch: None, seq, or_newest },
    };
    let lobby = RoomName::lobby();
    let Some(entered) = gateway.join(session, &lobby, start, &out.0.link).await else { return };
    if !entered.joined().recovered {
        let notice = json!({ "code": "incomplete_recovery", "room": lobby.as_str() });
        out.0.emit_when_drained("notice", &notice, session.ended()).await;
    }
    Entered::follow(entered);
}

/// Stores what was read, in its order, and acks what is durable.
async fn take(gateway: &Gateway, sender: &mut Sender, answers: &mut Answers, batch: Vec<Waiting>) {
    let mut run: Vec<(PostIndex, Post)> = Vec::new();
    let mut acks: Vec<(AckSender, Option<Root>)> = Vec::new();
    for (Incoming { event, args, ack, index, root }, _bytes) in batch {
        if event != CHAT_MESSAGE {
            continue;
        }
        match parse(args, gateway.limits.max_message_bytes) {
            Ok(post) => {
                root.iter().for_each(Root::taken);
                run.push((index, Post { trace: root.as_ref().map(Root::context), ..post }));
                acks.push((ack, root));
            }
            Err(refusal) => refuse(answers, ack, &refusal).await,
        }
    }
    if run.is_empty() {
        return;
    }
    let log_span = Root::log_span(acks.iter().map(|(_, root)| root));
    let outcomes = sender.post(run).instrument(log_span).await;
    acks.iter_mut().filter_map(|(_, root)| root.as_mut()).for_each(Root::answered);
    for (outcome, (ack, root)) in outcomes.into_iter().zip(acks) {
        let passes = outcome.as_ref().is_err_and(PostError::passes);
        let outcome = outcome.map_err(Refusal::from);
        match &outcome {
            // No arguments: an empty array is a tuple of none.
            Ok(_) => answers.send(ack, &([] as [(); 0])).await,
            // No ack: the client's own retry brings it again.
            Err(refusal) if passes => metrics::refused(refusal.code),
            Err(refusal) => refuse(answers, ack, refusal).await,
        }
        if let Some(root) = root {
            root.end(outcome.map(|receipt| receipt.seq.0).map_err(|refusal| refusal.code));
        }
    }
}

async fn refuse(answers: &mut Answers, ack: AckSender, refusal: &Refusal) {
    metrics::refused(refusal.code);
    answers.send(ack, &refusal.to_json()).await;
}

/// Reads `content, clientOffset`. Without an offset each message is one of its own.
fn parse(args: Option<Args>, text_bytes_max: usize) -> Result<Post, Refusal> {
    let args = args.map(|args| args.parse()).unwrap_or_default();
    let content = args.first().and_then(Value::as_str).unwrap_or_default();
    let text = MessageText::new(content, text_bytes_max)?;
    let offset = match args.get(1) {
        Some(Value::String(offset)) => Some(offset.clone()),
        Some(Value::Number(offset)) => Some(offset.to_string()),
        _ => None,
    };
    if offset.as_ref().is_some_and(|offset| Nonce::BYTES_MAX < offset.len()) {
        return Err(Invalid::Nonce.into());
    }
    let nonce = offset.map(|offset| Nonce::of_tutorial(&offset, content));
    Ok(Post { room: RoomName::lobby(), nonce, saying: Saying::Text(text), trace: None })
}

/// The socket's way out, in the tutorial's words: message by message, and only texts.
struct TutorialOutlet(Outlet);

#[async_trait]
impl session::Outlet for TutorialOutlet {
    fn appetite(&self, _pace: Pace) -> usize {
        self.0.link.room()
    }

    fn deliver(&self, _room: &RoomName, messages: &[Arc<Message>], _pace: Pace) -> usize {
        let emit = |message: &&Arc<Message>| {
            let text = message.draft.text.as_str();
            !message.draft.kind.is_text() || self.0.emit(CHAT_MESSAGE, &(text, message.seq.0))
        };
        messages.iter().take_while(emit).count()
    }

    fn lost(&self, room: &RoomName, after: Seq, upto: Seq) -> bool {
        self.0.lost(room, after, upto)
    }

    async fn drained(&self) {
        self.0.drained().await;
    }

    fn cut(&self) {
        self.0.link.cut(Cut::Stalled);
    }
}
