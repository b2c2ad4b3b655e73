//! Bodies of frames that carry messages: a batch of the channel's room, or only the room's head.
//!
//! [`Body`], [`TracedBody`], [`FullBody`] and [`Entry`] must never change: a new form is a new version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chat::{
    model::{
        Author, Draft, Hue, Kind, Message, MessageText, RoomName, Seq, TraceContext, UnixMs, ValidationError,
    },
    ports::Hint,
};

/// Version 1: a [`Body`].
pub(super) const PLAIN: u8 = 1;
/// Version 2: a [`TracedBody`]. Only batches with a sampled message need it.
pub(super) const TRACED: u8 = 2;
/// Version 3: a [`FullBody`]. Only batches with an amendment or a colour need it.
pub(super) const FULL: u8 = 3;

/// Encodes a batch, which is not empty, in the lowest version that can carry it.
pub(super) fn encode(batch: &[Arc<Message>]) -> (u8, Vec<u8>) {
    let entries = batch.iter().map(|message| Entry::of(message));
    if batch.iter().any(|message| message.draft.target.is_some() || message.draft.author.color.is_some()) {
        let extras = batch.iter().map(|message| Extras::of(&message.draft));
        return (FULL, write(&FullBody(entries.zip(extras).collect())));
    }
    if batch.iter().all(|message| message.draft.trace.is_none()) {
        return (PLAIN, write(&Body::Messages(entries.collect())));
    }
    let traces = batch.iter().map(|message| message.draft.trace.map(TraceIds::from));
    (TRACED, write(&TracedBody(entries.zip(traces).collect())))
}

/// Encodes only the new head of the batch's room.
pub(super) fn encode_head(batch: &[Arc<Message>]) -> (u8, Vec<u8>) {
    (PLAIN, write(&Body::Head(batch.last().map_or(0, |message| message.seq.0))))
}

/// Decodes the body of a known version; `None` if it is invalid.
pub(super) fn decode(version: u8, room: &RoomName, body: &[u8]) -> Option<Hint> {
    match version {
        PLAIN => decode_plain(room, body),
        TRACED => decode_traced(room, body),
        _ => decode_full(room, body),
    }
}

#[derive(Serialize, Deserialize)]
pub(super) enum Body<'a> {
    #[serde(borrow)]
    Messages(Vec<Entry<'a>>),
    Head(u64),
}

/// A message, without its room.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    pub(super) seq: u64,
    pub(super) kind: &'a str,
    pub(super) author: &'a str,
    pub(super) author_name: &'a str,
    pub(super) nonce: Option<&'a str>,
    pub(super) text: &'a str,
    at: u64,
    pub(super) node: &'a str,
}

/// Messages, each with its trace if it is sampled.
#[derive(Serialize, Deserialize)]
struct TracedBody<'a>(#[serde(borrow)] Vec<(Entry<'a>, Option<TraceIds>)>);

#[derive(Serialize, Deserialize)]
struct FullBody<'a>(#[serde(borrow)] Vec<(Entry<'a>, Extras)>);

/// The fields of a message that [`Entry`] lacks.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Extras {
    trace: Option<TraceIds>,
    target: Option<u64>,
    color: Option<u16>,
}

impl Extras {
    fn of(draft: &Draft) -> Self {
        Self {
            trace: draft.trace.map(TraceIds::from),
            target: draft.target.map(|target| target.0),
            color: draft.author.color.map(Hue::degrees),
        }
    }
}

/// A trace id and a span id.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct TraceIds([u8; 16], [u8; 8]);

impl From<TraceContext> for TraceIds {
    fn from(trace: TraceContext) -> Self {
        Self(trace.trace_id, trace.span_id)
    }
}

pub(super) fn write(body: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(body).expect("strings and numbers can always be written to memory")
}

fn decode_plain(room: &RoomName, body: &[u8]) -> Option<Hint> {
    match postcard::take_from_bytes(body).ok()? {
        (Body::Head(seq), []) => Some(Hint::Head(room.clone(), Seq(seq))),
        (Body::Messages(entries), []) => {
            messages(room, entries.iter().map(|entry| (entry, Extras::default())))
        }
        _ => None,
    }
}

fn decode_traced(room: &RoomName, body: &[u8]) -> Option<Hint> {
    let (TracedBody(entries), []) = postcard::take_from_bytes(body).ok()? else { return None };
    let extras = |trace| Extras { trace, ..Extras::default() };
    messages(room, entries.iter().map(|(entry, trace)| (entry, extras(*trace))))
}

fn decode_full(room: &RoomName, body: &[u8]) -> Option<Hint> {
    let (FullBody(entries), []) = postcard::take_from_bytes(body).ok()? else { return None };
    messages(room, entries.iter().map(|(entry, extras)| (entry, *extras)))
}

fn messages<'a>(
    room: &RoomName,
    entries: impl Iterator<Item = (&'a Entry<'a>, Extras)> + Clone,
) -> Option<Hint> {
    if !are_ascending(entries.clone().map(|(entry, _)| entry.seq)) {
        return None;
    }
    let message = |(entry, extras): (&Entry<'_>, _)| entry.message(room, extras).map(Arc::new);
    entries.map(message).collect::<Result<_, _>>().ok().map(Hint::Messages)
}

/// Whether there is at least one seq, the first is 1 or greater, and each is greater than the one before it.
fn are_ascending(mut seqs: impl Iterator<Item = u64> + Clone) -> bool {
    seqs.clone().is_sorted_by(|a, b| a < b) && seqs.next().is_some_and(|first| Seq::ZERO < Seq(first))
}

impl<'a> Entry<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let draft = &message.draft;
        Self {
            seq: message.seq.0,
            kind: draft.kind.as_str(),
            author: draft.author.id.as_str(),
            author_name: draft.author.name.as_str(),
            nonce: draft.nonce.as_ref().map(|nonce| nonce.as_str()),
            text: draft.text.as_str(),
            at: draft.at.0,
            node: draft.node.as_str(),
        }
    }

    /// Validates every part. The text may have any length: the sender's limit may differ from this node's.
    fn message(&self, room: &RoomName, extras: Extras) -> Result<Message, ValidationError> {
        let Extras { trace, target, color } = extras;
        let is_deletion = self.kind == Kind::Delete.as_str() && self.text.is_empty();
        let draft = Draft {
            room: room.clone(),
            kind: self.kind.parse()?,
            target: target.map(Seq),
            author: Author {
                id: self.author.parse()?,
                name: self.author_name.parse()?,
                color: color.map(u64::from).map(Hue::try_from).transpose()?,
            },
            nonce: self.nonce.map(str::parse).transpose()?,
            text: if is_deletion {
                MessageText::empty()
            } else {
                MessageText::new(self.text, self.text.len())?
            },
            at: UnixMs(self.at),
            node: self.node.parse()?,
            trace: trace.map(|TraceIds(trace_id, span_id)| TraceContext { trace_id, span_id }),
        };
        Ok(Message { seq: Seq(self.seq), draft })
    }
}
