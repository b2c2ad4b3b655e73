//! Handles the packets that a client receives.

use std::{sync::atomic::Ordering, time::Instant};

use anyhow::{Context as _, bail};

use super::{Client, Outage};
use crate::{
    dialect::{Dialect, Joined, Reply, Session},
    outbox::Outcome,
    packet::{Event, Message, Packet},
    record::{Delivery, count},
};

impl Client {
    /// The namespace is connected. On `/` the client is now in its room; on `/chat` the session event follows.
    pub(super) fn on_connected(&mut self) {
        let is_reconnect = self.outage.is_some();
        let mut record = self.shared.record();
        record.reconnects[self.role.number] += u32::from(is_reconnect);
        if self.role.dialect == Dialect::Native {
            return;
        }
        let top = record.judge.top(self.role.room);
        drop(record);
        self.mark_joined();
        self.catch_up_to(top);
    }

    fn mark_joined(&mut self) {
        if !std::mem::replace(&mut self.joined, true) {
            self.shared.joined.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Handles a packet; returns whether it was a heartbeat.
    ///
    /// # Errors
    ///
    /// The server ended the session or violated the protocol.
    pub(super) fn receive(&mut self, packet: &str) -> anyhow::Result<bool> {
        match packet.as_bytes().first() {
            Some(b'2') => {
                self.to_send.push("3".to_owned());
                return Ok(true);
            }
            Some(b'4') => {}
            Some(b'1') => bail!("the server closed the session"),
            _ => return Ok(false),
        }
        let prefix = self.role.dialect.prefix();
        let read =
            Packet::read(&packet[1..], prefix).with_context(|| format!("malformed packet: {packet:.80}"))?;
        match read {
            Packet::Event(ack, body) => {
                let event =
                    serde_json::from_str(body).with_context(|| format!("malformed event: {packet:.80}"))?;
                self.on_event(event)?;
                if let Some(ack) = ack {
                    self.to_send.push(format!("43{}{ack}[]", prefix.0));
                }
            }
            Packet::Ack(ack, args) => self.on_ack(ack, args)?,
            Packet::Disconnected => bail!("the server disconnected the socket"),
            Packet::Connected | Packet::Refused(_) => bail!("second connect packet"),
        }
        Ok(false)
    }

    fn on_event(&mut self, event: Event<'_>) -> anyhow::Result<()> {
        match event {
            Event::ChatMessage(text, seq) => self.show([(seq, &*text, None)].into_iter()),
            Event::Message(message) => self.show_native(&[message]),
            Event::Messages(page) => self.show_native(&page),
            Event::Session(session) => self.on_session(serde_json::from_str(session.get())?),
            Event::Notice(notice) => count(&mut self.shared.record().notices, notice.code.into_owned()),
            Event::Other => {}
        }
        Ok(())
    }

    fn on_session(&mut self, session: Session) {
        self.token = Some(session.token);
        self.node = Some(self.shared.record().learn_node(self.url, &session.node));
        if !self.joined {
            let ack = self.outbox.next_ack();
            self.join_ack = Some(ack);
            self.to_send.push(Dialect::join(self.cursor(), ack));
        } else if let Some(joined) = session.rooms.get(self.cursor().room) {
            self.on_joined(joined);
        }
    }

    fn on_joined(&mut self, joined: &Joined) {
        let mut record = self.shared.record();
        record.incomplete_recoveries += u64::from(!joined.recovered);
        let top = record.judge.top(self.role.room).max(joined.head);
        drop(record);
        self.mark_joined();
        self.catch_up_to(top);
    }

    /// Ends the outage once the client has shown everything up to `top`.
    fn catch_up_to(&mut self, top: u64) {
        if let Some(outage) = &mut self.outage {
            outage.until = Some(top);
            self.end_outage();
        }
    }

    fn end_outage(&mut self) {
        let Some(Outage { since, until: Some(until) }) = self.outage else { return };
        if until <= self.shown {
            self.shared.record().latency.recovered(since.elapsed());
            self.outage = None;
        }
    }

    fn show_native(&mut self, messages: &[Message<'_>]) {
        let Some(first) = messages.first() else { return };
        // A client is in one room; other rooms' messages are not judged.
        if first.room != self.cursor().room {
            return;
        }
        self.show(messages.iter().map(|message| (message.seq, &*message.text, Some(&*message.node))));
    }

    fn show<'a>(&mut self, messages: impl Iterator<Item = (u64, &'a str, Option<&'a str>)>) {
        let now_us = self.us_since_begin(Instant::now());
        let client = self.role.number;
        let mut record = self.shared.record();
        let node = self.node.unwrap_or_else(|| record.node_at(self.url));
        for (seq, text, origin) in messages {
            self.shown = self.shown.max(seq);
            let origin = origin.map(|name| record.latency.node(name));
            let delivery = Delivery { seq, text: self.shared.texts.read(text), origin };
            self.faults.pass(delivery, |delivery| record.show(client, &delivery, node, now_us));
        }
        drop(record);
        self.end_outage();
    }

    fn on_ack(&mut self, ack: u64, args: &str) -> anyhow::Result<()> {
        if self.join_ack.take_if(|join| *join == ack).is_some() {
            let [response]: [serde_json::Value; 1] = serde_json::from_str(args)?;
            let joined = serde_json::from_value(response["ok"].clone());
            self.on_joined(&joined.with_context(|| format!("join refused: {response:.80}"))?);
            return Ok(());
        }
        let now = Instant::now();
        let reply = self.role.dialect.reply(args);
        let outcome = match &reply {
            Reply::Stored(_) => Outcome::Settled,
            Reply::Refused(_, outcome) => *outcome,
        };
        let Some(message) = self.outbox.answered(ack, now, outcome) else { return Ok(()) };
        let now_us = self.us_since_begin(now);
        let mut record = self.shared.record();
        match reply {
            Reply::Stored(seq) => record.acked(message, seq, now_us),
            Reply::Refused(code, _) => {
                count(&mut record.refusals, code);
                if outcome == Outcome::Settled {
                    record.judge.refuse(message.id);
                }
            }
        }
        Ok(())
    }
}
