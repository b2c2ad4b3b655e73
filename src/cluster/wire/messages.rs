//! What a frame says: messages of its channel's room, or how far that has grown.
//!
//! [`Body`], [`TracedBody`], [`FullBody`] and [`Entry`] must never change: another form is another version.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chat::{
    model::{
        Author, Draft, Hue, Kind, Message, MessageText, RoomName, Seq, TraceContext, UnixMs, ValidationError,
    },
    ports::Hint,
};

/// The first version: a [`Body`].
pub(super) const PLAIN: u8 = 1;
/// The second: a [`TracedBody`]. Only batches with a sampled message need it.
pub(super) const TRACED: u8 = 2;
/// The third: a [`FullBody`]. Only batches with an amendment or a colour need it.
pub(super) const FULL: u8 = 3;

/// A batch, not empty, and the lowest version that can say it.
pub(super) fn of(batch: &[Arc<Message>]) -> (u8, Vec<u8>) {
    let entries = batch.iter().map(|message| Entry::of(message));
    if batch.iter().any(|message| message.draft.target.is_some() || message.draft.author.color.is_some()) {
        let more = batch.iter().map(|message| More::of(&message.draft));
        return (FULL, write(&FullBody(entries.zip(more).collect())));
    }
    if batch.iter().all(|message| message.draft.trace.is_none()) {
        return (PLAIN, write(&Body::Messages(entries.collect())));
    }
    let traces = batch.iter().map(|message| message.draft.trace.map(TraceIds::from));
    (TRACED, write(&TracedBody(entries.zip(traces).collect())))
}

/// The batch's new head alone.
pub(super) fn of_head(batch: &[Arc<Message>]) -> (u8, Vec<u8>) {
    (PLAIN, write(&Body::Head(batch.last().map_or(0, |message| message.seq.0))))
}

/// What a known version says of `room`.
pub(super) fn read(version: u8, room: &RoomName, body: &[u8]) -> Option<Hint> {
    match version {
        PLAIN => read_plain(room, body),
        TRACED => read_traced(room, body),
        _ => read_full(room, body),
    }
}

/// What a frame of version 1 says about its channel's room.
#[derive(Serialize, Deserialize)]
pub(super) enum Body<'a> {
    #[serde(borrow)]
    Messages(Vec<Entry<'a>>),
    Head(u64),
}

/// One message of the channel's room.
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

/// What a frame of version 2 says: messages of the channel's room, each with its trace if it is sampled.
#[derive(Serialize, Deserialize)]
struct TracedBody<'a>(#[serde(borrow)] Vec<(Entry<'a>, Option<TraceIds>)>);

/// What a frame of version 3 says: messages of the channel's room, each with what else there is of it.
#[derive(Serialize, Deserialize)]
struct FullBody<'a>(#[serde(borrow)] Vec<(Entry<'a>, More)>);

/// What an [`Entry`] has no place for.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct More {
    trace: Option<TraceIds>,
    of: Option<u64>,
    color: Option<u16>,
}

impl More {
    fn of(draft: &Draft) -> Self {
        Self {
            trace: draft.trace.map(TraceIds::from),
            of: draft.target.map(|of| of.0),
            color: draft.author.color.map(Hue::degrees),
        }
    }
}

/// A trace's id and a span's.
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

fn read_plain(room: &RoomName, body: &[u8]) -> Option<Hint> {
    match postcard::take_from_bytes(body).ok()? {
        (Body::Head(seq), []) => Some(Hint::Head(room.clone(), Seq(seq))),
        (Body::Messages(entries), []) => messages(room, entries.iter().map(|entry| (entry, More::default()))),
        _ => None,
    }
}

fn read_traced(room: &RoomName, body: &[u8]) -> Option<Hint> {
    let (TracedBody(entries), []) = postcard::take_from_bytes(body).ok()? else { return None };
    messages(room, entries.iter().map(|(entry, trace)| (entry, More { trace: *trace, ..More::default() })))
}

fn read_full(room: &RoomName, body: &[u8]) -> Option<Hint> {
    let (FullBody(entries), []) = postcard::take_from_bytes(body).ok()? else { return None };
    messages(room, entries.iter().map(|(entry, more)| (entry, *more)))
}

fn messages<'a>(
    room: &RoomName,
    entries: impl Iterator<Item = (&'a Entry<'a>, More)> + Clone,
) -> Option<Hint> {
    if !is_run(entries.clone().map(|(entry, _)| entry.seq)) {
        return None;
    }
    let message = |(entry, more): (&Entry<'_>, _)| entry.message(room, more).map(Arc::new);
    entries.map(message).collect::<Result<_, _>>().ok().map(Hint::Messages)
}

/// Whether these are one or more messages in ascending order, the first at 1 or later.
fn is_run(mut seqs: impl Iterator<Item = u64> + Clone) -> bool {
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

    /// The message, with each part checked anew; its text may have any length,
    /// since the sender's limit may be another than this node's.
    fn message(&self, room: &RoomName, more: More) -> Result<Message, ValidationError> {
        let More { trace, of, color } = more;
        let says_nothing = self.kind == Kind::Delete.as_str() && self.text.is_empty();
        let draft = Draft {
            room: room.clone(),
            kind: self.kind.parse()?,
            target: of.map(Seq),
            author: Author {
                id: self.author.parse()?,
                name: self.author_name.parse()?,
                color: color.map(u64::from).map(Hue::try_from).transpose()?,
            },
            nonce: self.nonce.map(str::parse).transpose()?,
            text: if says_nothing {
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
