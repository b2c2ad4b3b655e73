//! The floor, a contender: the least that a broadcast costs.
//!
//! One thread around epoll frames each message once and writes the same bytes to every client, without a log,
//! heartbeats or limits. With `GATHER_MS`, messages of that interval leave in one write per client.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const LISTENER: Token = Token(0);
const READ_BYTES: usize = 64 * 1024;

/// Announces a heartbeat interval longer than any measurement, because the floor sends none.
const HANDSHAKE: &str =
    r#"0{"sid":"floor","upgrades":[],"pingInterval":3600000,"pingTimeout":3600000,"maxPayload":1000000}"#;

struct Client {
    tcp: TcpStream,
    inbox: Vec<u8>,
    /// Bytes that the kernel has not accepted yet.
    outbox: Vec<u8>,
    is_websocket: bool,
    /// Whether the client is connected to the namespace.
    connected: bool,
}

struct Floor {
    clients: HashMap<Token, Client>,
    seq: u64,
    batch_interval: Option<Duration>,
    batch: Vec<u8>,
    batch_since: Option<Instant>,
}

fn main() -> anyhow::Result<()> {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u16>()).transpose();
    let port = number("PORT").context("PORT")?.context("PORT is not set")?;
    let batch_interval = number("GATHER_MS").context("GATHER_MS")?.map(|ms| Duration::from_millis(ms.into()));
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(([127, 0, 0, 1], port).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut floor =
        Floor { clients: HashMap::new(), seq: 0, batch_interval, batch: Vec::new(), batch_since: None };
    let (mut events, mut next) = (Events::with_capacity(1_024), 1);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match poll.poll(&mut events, floor.wait()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut tcp, _)) = listener.accept() {
                    let token = Token(next);
                    next += 1;
                    tcp.set_nodelay(true)?;
                    poll.registry().register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE)?;
                    let (inbox, outbox) = (Vec::new(), Vec::new());
                    let client = Client { tcp, inbox, outbox, is_websocket: false, connected: false };
                    floor.clients.insert(token, client);
                }
            } else {
                floor.handle_ready(event.token(), &mut buffer);
            }
        }
        floor.flush_batch();
    }
}

impl Floor {
    /// How long to sleep until the batch is due.
    fn wait(&self) -> Option<Duration> {
        Some(self.batch_interval?.saturating_sub(self.batch_since?.elapsed()))
    }

    /// Handles a client that is readable or writable, and removes it if its connection is broken.
    fn handle_ready(&mut self, token: Token, buffer: &mut [u8]) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        let mut frames = Vec::new();
        let alive = client.flush().is_ok() && client.read(buffer).is_ok();
        let alive = alive && client.handle(&mut self.seq, &mut frames).is_ok();
        if !alive {
            self.clients.remove(&token);
        }
        if frames.is_empty() {
            return;
        }
        if self.batch_interval.is_some() {
            self.batch.extend(frames);
            self.batch_since.get_or_insert_with(Instant::now);
        } else {
            self.broadcast(&frames);
        }
    }

    /// Broadcasts the batch once it is due.
    fn flush_batch(&mut self) {
        if self.wait() == Some(Duration::ZERO) {
            self.batch_since = None;
            let mut frames = std::mem::take(&mut self.batch);
            self.broadcast(&frames);
            frames.clear();
            self.batch = frames;
        }
    }

    fn broadcast(&mut self, frames: &[u8]) {
        self.clients.retain(|_, client| !client.connected || client.write(frames).is_ok());
    }
}

impl Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.outbox.is_empty() { written(self.tcp.write(bytes))? } else { 0 };
        self.outbox.extend(&bytes[written..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            let written = written(self.tcp.write(&self.outbox))?;
            if written == 0 {
                break;
            }
            self.outbox.drain(..written);
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            match self.tcp.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.inbox.extend(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers the received packets and appends the frames to broadcast.
    fn handle(&mut self, seq: &mut u64, frames: &mut Vec<u8>) -> anyhow::Result<()> {
        if !self.is_websocket {
            return self.upgrade();
        }
        let mut inbox = std::mem::take(&mut self.inbox);
        let mut at = 0;
        while let Some(read) = unmask(&mut inbox[at..])? {
            let packet = std::str::from_utf8(&inbox[at + read.begin..at + read.end])?;
            at += read.end;
            if packet.starts_with("40") {
                self.connected = true;
                self.write(&frame(r#"40{"sid":"floor"}"#))?;
            } else if let Some(event) = packet.strip_prefix("42") {
                let (ack, event) = event.split_at(event.find('[').context("malformed event")?);
                let (name, content, _): (&str, &RawValue, IgnoredAny) = serde_json::from_str(event)?;
                *seq += 1;
                frames.extend(frame(&format!("42[\"{name}\",{content},{seq}]")));
                self.write(&frame(&format!("43{ack}[]")))?;
            }
        }
        inbox.drain(..at);
        self.inbox = inbox;
        Ok(())
    }

    /// Answers the HTTP request for a websocket upgrade.
    fn upgrade(&mut self) -> anyhow::Result<()> {
        if !self.inbox.ends_with(b"\r\n\r\n") {
            return Ok(());
        }
        let request = String::from_utf8(std::mem::take(&mut self.inbox))?;
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
        });
        let Some(key) = key else {
            return Ok(self.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?);
        };
        let accept = derive_accept_key(key.as_bytes());
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
        self.write(format!("{head}sec-websocket-accept: {accept}\r\n\r\n").as_bytes())?;
        self.is_websocket = true;
        Ok(self.write(&frame(HANDSHAKE))?)
    }
}

/// The number of bytes written; 0 if the socket's buffer is full.
fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

/// Encodes a text as one unmasked websocket frame.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(text.len() as u8),
        Ok(length) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame
}

/// The range of a frame's text.
struct Unmasked {
    begin: usize,
    end: usize,
}

/// Unmasks the first frame in place; `None` if it is incomplete. Texts of 64 KiB or more are refused.
fn unmask(bytes: &mut [u8]) -> anyhow::Result<Option<Unmasked>> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    anyhow::ensure!(first == 0x81 && second & 0x80 != 0, "not a masked text frame");
    let (length, mask_at) = match second & 0x7f {
        126 if bytes.len() < 4 => return Ok(None),
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        127 => anyhow::bail!("the frame is too long"),
        length => (usize::from(length), 2),
    };
    let (begin, end) = (mask_at + 4, mask_at + 4 + length);
    if bytes.len() < end {
        return Ok(None);
    }
    let (head, text) = bytes.split_at_mut(begin);
    text[..length].iter_mut().zip(head[mask_at..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok(Some(Unmasked { begin, end }))
}
