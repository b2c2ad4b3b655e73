//! A small Socket.IO client over a websocket. It reads only when a test asks for something.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::within;

/// The connection was closed.
#[derive(Debug)]
pub(crate) struct Gone;

/// A message as a client shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) seq: u64,
    pub(crate) text: String,
}

pub(crate) fn seqs(shown: &[Shown]) -> Vec<u64> {
    shown.iter().map(|message| message.seq).collect()
}

pub(crate) fn texts(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|message| message.text.as_str()).collect()
}

/// The rooms of a response, each with its head: `lobby 10`.
pub(crate) fn heads(response: &Value) -> Vec<String> {
    let rooms = response["rooms"].as_array().expect("a list of rooms").iter();
    rooms.map(|room| format!("{} {}", room["room"].as_str().unwrap(), room["head"])).collect()
}

/// One socket of one namespace.
pub(crate) struct Client {
    ws: WebSocketStream<TcpStream>,
    namespace: &'static str,
    /// The `session` event, the first on `/chat`.
    pub(crate) session: Value,
    /// Received, but not asked for yet.
    events: VecDeque<(String, Vec<Value>)>,
    shown: VecDeque<Shown>,
    acks: HashMap<u64, Vec<Value>>,
    ack_number: u64,
}

impl Client {
    /// Connects. The error is the refusal's payload, or null if the connection failed.
    pub(crate) async fn connect(
        addr: SocketAddr,
        namespace: &'static str,
        auth: Value,
    ) -> Result<Self, Value> {
        Self::connect_with_buffer(addr, namespace, auth, None).await
    }

    /// Connects with a receive buffer of this size, so that a node soon notices that the client does not read.
    pub(crate) async fn connect_with_buffer(
        addr: SocketAddr,
        namespace: &'static str,
        auth: Value,
        buffer: Option<u32>,
    ) -> Result<Self, Value> {
        let tcp = connection(addr, buffer).await.map_err(|_| Value::Null)?;
        Self::connect_over(tcp, namespace, auth).await
    }

    /// Connects over an existing TCP connection.
    pub(crate) async fn connect_over(
        tcp: TcpStream,
        namespace: &'static str,
        auth: Value,
    ) -> Result<Self, Value> {
        let ws = websocket(tcp).await.map_err(|_| Value::Null)?;
        let (events, shown, acks) = Default::default();
        let mut client = Self { ws, namespace, session: Value::Null, events, shown, acks, ack_number: 0 };
        let connected = async {
            client.send(&format!("40{}{auth}", client.prefix())).await?;
            client.read_text().await
        };
        let response = within("a socket is connected", connected).await.map_err(|Gone| Value::Null)?;
        if let Some(error) = response.strip_prefix(&format!("44{}", client.prefix())) {
            return Err(serde_json::from_str(error).unwrap());
        }
        assert!(response.starts_with("40"), "{response}");
        if namespace == "/chat" {
            client.session = client.next("session").await.map_err(|Gone| Value::Null)?.remove(0);
        }
        Ok(client)
    }

    /// The namespace's prefix in a packet; empty for `/`.
    fn prefix(&self) -> String {
        if self.namespace == "/" { String::new() } else { format!("{},", self.namespace) }
    }

    /// Sends an Engine.IO packet.
    pub(crate) async fn send(&mut self, packet: &str) -> Result<(), Gone> {
        self.send_frame(Message::text(packet)).await
    }

    pub(crate) async fn send_frame(&mut self, frame: Message) -> Result<(), Gone> {
        self.ws.send(frame).await.map_err(|_| Gone)
    }

    /// Emits an event that asks for an ack, and returns the ack's number.
    pub(crate) async fn emit(&mut self, event: &str, mut args: Vec<Value>) -> Result<u64, Gone> {
        self.ack_number += 1;
        args.insert(0, event.into());
        let packet = format!("42{}{}{}", self.prefix(), self.ack_number, Value::Array(args));
        self.send(&packet).await?;
        Ok(self.ack_number)
    }

    /// Waits for an ack and returns its arguments.
    pub(crate) async fn try_ack(&mut self, number: u64) -> Result<Vec<Value>, Gone> {
        loop {
            if let Some(args) = self.acks.remove(&number) {
                return Ok(args);
            }
            within(&format!("ack {number} comes"), self.read_packet()).await?;
        }
    }

    /// The arguments of each of these acks; `None` for those that have not come once nothing came for `patience`.
    pub(crate) async fn acks(&mut self, numbers: &[u64], patience: Duration) -> Vec<Option<Vec<Value>>> {
        while !numbers.iter().all(|number| self.acks.contains_key(number)) {
            if !matches!(timeout(patience, self.read_packet()).await, Ok(Ok(()))) {
                break;
            }
        }
        numbers.iter().map(|number| self.acks.remove(number)).collect()
    }

    pub(crate) async fn ack(&mut self, number: u64) -> Vec<Value> {
        self.try_ack(number).await.expect("the connection holds")
    }

    /// Sends a request on `/chat` and returns the response.
    pub(crate) async fn ask(&mut self, event: &str, request: Value) -> Value {
        let number = self.emit(event, vec![request]).await.expect("the connection holds");
        self.ack(number).await.remove(0)
    }

    /// Posts to the lobby on either namespace and returns the ack's arguments.
    pub(crate) async fn try_say(&mut self, text: &str, nonce: &str) -> Result<Vec<Value>, Gone> {
        let number = self.post(text, nonce).await?;
        self.try_ack(number).await
    }

    /// Posts to the lobby and checks that it is stored.
    pub(crate) async fn say(&mut self, text: &str) {
        let nonce: String = text.chars().take(100).collect();
        let args = self.try_say(text, &nonce).await.expect("the connection holds");
        assert!(args.is_empty() || args[0]["ok"]["seq"].is_u64(), "{args:?}");
    }

    /// Posts to the lobby without waiting, and returns the ack's number.
    pub(crate) async fn post(&mut self, text: &str, nonce: &str) -> Result<u64, Gone> {
        match self.namespace {
            "/" => self.emit("chat message", vec![text.into(), nonce.into()]).await,
            _ => self.emit("post", vec![json!({ "room": "lobby", "nonce": nonce, "text": text })]).await,
        }
    }

    /// The arguments of the next event of this name, which is not a message.
    pub(crate) async fn next(&mut self, event: &str) -> Result<Vec<Value>, Gone> {
        loop {
            if let Some(index) = self.events.iter().position(|(name, _)| name == event) {
                return Ok(self.events.remove(index).unwrap().1);
            }
            within(&format!("event {event:?} comes"), self.read_packet()).await?;
        }
    }

    /// The next message, by itself or from a page.
    pub(crate) async fn try_message(&mut self) -> Result<Shown, Gone> {
        while self.shown.is_empty() {
            within("a message comes", self.read_packet()).await?;
        }
        Ok(self.shown.pop_front().unwrap())
    }

    /// The next `count` messages.
    pub(crate) async fn messages(&mut self, count: usize) -> Vec<Shown> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.try_message().await.expect("the connection holds"));
        }
        messages
    }

    /// All messages until the connection is closed.
    pub(crate) async fn messages_until_gone(&mut self) -> Vec<Shown> {
        let mut messages = Vec::new();
        while let Ok(message) = self.try_message().await {
            messages.push(message);
        }
        messages
    }

    /// Checks that no message comes for a while.
    pub(crate) async fn expect_silence(&mut self, duration: Duration) {
        let message = timeout(duration, self.try_message()).await;
        assert!(message.is_err(), "unexpected: {message:?}");
    }

    /// Waits until the node closes the connection, and skips the events before that.
    pub(crate) async fn closed(&mut self, why: &str) {
        let what = format!("the connection is closed, because of {why}");
        within(&what, async { while self.read_packet().await.is_ok() {} }).await;
    }

    /// Reads one packet, and acks a page or answers a heartbeat at once.
    async fn read_packet(&mut self) -> Result<(), Gone> {
        let packet = self.read_text().await?;
        if packet == "1" {
            return Err(Gone);
        }
        let Some(packet) = packet.strip_prefix('4') else { panic!("an unknown packet: {packet}") };
        let (kind, rest) = packet.split_at(1);
        let rest = rest.strip_prefix(&self.prefix()).expect("packets are for this namespace");
        if kind == "1" {
            return Err(Gone);
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, args) = rest.split_at(digits);
        let number: Option<u64> = number.parse().ok();
        let mut args: Vec<Value> = serde_json::from_str(args).unwrap_or_else(|_| panic!("no JSON: {packet}"));
        match kind {
            "2" => {
                if let Some(number) = number {
                    self.send(&format!("43{}{number}[]", self.prefix())).await?;
                }
                let event = args.remove(0).as_str().expect("an event has a name").to_owned();
                self.sort_event(event, args);
            }
            "3" => {
                self.acks.insert(number.expect("an ack has a number"), args);
            }
            _ => panic!("an unknown packet: {packet}"),
        }
        Ok(())
    }

    /// Queues an event: messages for themselves, others by name.
    fn sort_event(&mut self, event: String, args: Vec<Value>) {
        let native = |message: &Value| Shown {
            seq: message["seq"].as_u64().expect("a message has a seq"),
            text: message["text"].as_str().expect("a message has a text").to_owned(),
        };
        match (event.as_str(), args.as_slice()) {
            ("chat message", [Value::String(text), seq]) => {
                self.shown.push_back(Shown { seq: seq.as_u64().unwrap(), text: text.clone() });
            }
            ("message", [message]) => self.shown.push_back(native(message)),
            ("messages", [Value::Array(page)]) => self.shown.extend(page.iter().map(native)),
            ("chat message" | "message" | "messages", _) => panic!("{event}: {args:?}"),
            _ => self.events.push_back((event, args)),
        }
    }

    /// The next packet that is not a heartbeat.
    async fn read_text(&mut self) -> Result<String, Gone> {
        loop {
            match self.ws.next().await {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await?,
                Some(Ok(Message::Text(text))) if text.starts_with('0') => {}
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                Some(Ok(_)) => {}
            }
        }
    }
}

async fn connection(addr: SocketAddr, buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let tcp = socket.connect(addr).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

async fn websocket(tcp: TcpStream) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", tcp.peer_addr()?);
    let (ws, _) = within("a websocket opens", tokio_tungstenite::client_async(url, tcp)).await?;
    Ok(ws)
}
