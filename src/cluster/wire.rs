//! The bus's message form: what one node tells the others about one room.
//!
//! A frame is
//!
//! ```text
//! version  1 byte
//! epoch   32 hexadecimal digits
//! mac     16 bytes: HMAC-SHA256 over version, channel, origin and body, cut
//! origin   8 bytes: which bus sent it
//! body     the rest: postcard
//! ```
//!
//! The room is not in the frame but in the channel's name, which the MAC covers:
//! a frame that is copied into another room's channel is a forgery.
//!
//! A frame carries the lowest version that can say it, and a node drops what is
//! beyond its own, so that a rolling upgrade may add forms: until the last old
//! node is gone, its sweep brings it what it cannot read. `Body` and `Entry`
//! must therefore never change; another form is another version.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::chat::{
    ports::Hint,
    types::{Author, Draft, Epoch, Invalid, Message, MessageText, RoomName, Seq, TraceContext, UnixMs},
};

/// The first version: a [`Body`].
const PLAIN: u8 = 1;
/// The second: a [`TracedBody`]. Only batches with a sampled message need it.
const TRACED: u8 = 2;

/// Derives the bus's key from the log's, so that no key serves two ends.
const KEY_LABEL: &[u8] = b"chorus bus v1";

const EPOCH_BYTES: usize = 32;
const MAC_BYTES: usize = 16;
const ORIGIN_BYTES: usize = 8;
const HEADER_BYTES: usize = 1 + EPOCH_BYTES + MAC_BYTES + ORIGIN_BYTES;

/// Why a frame says nothing to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Cut short, or not what its version promises.
    #[error("the frame is corrupt")]
    Corrupt,
    /// Not sealed with this log's key for this channel.
    #[error("the frame is forged")]
    Forged,
    /// About another log.
    #[error("the frame is of another epoch")]
    Foreign,
    /// Of a version that this node does not know.
    #[error("the frame's version is not known")]
    Version,
}

impl DecodeError {
    /// The error's name in metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Forged => "forged",
            Self::Foreign => "foreign",
            Self::Version => "version",
        }
    }
}

/// Writes and reads the frames of one log's bus.
pub struct Wire {
    /// What every channel of this log begins with.
    channels: String,
    epoch: String,
    origin: [u8; ORIGIN_BYTES],
    mac: Hmac<Sha256>,
    batch_max_bytes: usize,
}

impl Wire {
    /// Makes the form for the log with `epoch` and `log_key`.
    ///
    /// `origin` tells this bus's frames from all others'; it is drawn at random
    /// rather than taken from the node's name, since a name that was given to
    /// two nodes by mistake would make them deaf to each other.
    #[must_use]
    pub fn new(prefix: &str, epoch: Epoch, log_key: &[u8; 32], origin: u64, batch_max_bytes: usize) -> Self {
        let key = keyed(log_key).chain_update(KEY_LABEL).finalize().into_bytes();
        Self {
            channels: format!("{prefix}:{epoch}:"),
            epoch: epoch.to_string(),
            origin: origin.to_be_bytes(),
            mac: keyed(&key),
            batch_max_bytes,
        }
    }

    /// The channel that carries the hints about `room`.
    #[must_use]
    pub fn channel(&self, room: &RoomName) -> String {
        format!("{}{room}", self.channels)
    }

    /// Writes a batch of `room`, not empty and ascending; the new head alone if
    /// the frame would be beyond `batch_max_bytes`.
    #[must_use]
    pub fn encode(&self, room: &RoomName, batch: &[Arc<Message>]) -> Vec<u8> {
        let entries = batch.iter().map(|message| Entry::of(message));
        let (version, whole) = if batch.iter().any(|message| message.draft.trace.is_some()) {
            let traces = batch.iter().map(|message| message.draft.trace.map(|trace| trace.into()));
            (TRACED, write(&TracedBody(entries.zip(traces).collect())))
        } else {
            (PLAIN, write(&Body::Messages(entries.collect())))
        };
        if HEADER_BYTES + whole.len() <= self.batch_max_bytes {
            return self.seal(version, &self.channel(room), &whole);
        }
        let head = write(&Body::Head(batch.last().map_or(0, |message| message.seq.0)));
        self.seal(PLAIN, &self.channel(room), &head)
    }

    /// Reads a frame that came over `channel`; `None` if this bus sent it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why it is to be dropped.
    pub fn decode(&self, channel: &[u8], frame: &[u8]) -> Result<Option<Hint>, DecodeError> {
        let (version, rest) = frame.split_first().ok_or(DecodeError::Corrupt)?;
        if !(PLAIN..=TRACED).contains(version) {
            return Err(DecodeError::Version);
        }
        // Before the MAC: another log may well have another key.
        let (epoch, rest) = rest.split_first_chunk::<EPOCH_BYTES>().ok_or(DecodeError::Corrupt)?;
        if epoch != self.epoch.as_bytes() {
            return Err(DecodeError::Foreign);
        }
        let (mac, sealed) = rest.split_first_chunk::<MAC_BYTES>().ok_or(DecodeError::Corrupt)?;
        self.mac(*version, channel, sealed).verify_truncated_left(mac).map_err(|_| DecodeError::Forged)?;
        let (origin, body) = sealed.split_first_chunk::<ORIGIN_BYTES>().ok_or(DecodeError::Corrupt)?;
        if *origin == self.origin {
            return Ok(None);
        }
        let room = self.room(channel).ok_or(DecodeError::Corrupt)?;
        let hint = if *version == PLAIN { read(room, body) } else { read_traced(&room, body) };
        hint.map(Some).ok_or(DecodeError::Corrupt)
    }

    fn seal(&self, version: u8, channel: &str, body: &[u8]) -> Vec<u8> {
        let sealed = [&self.origin, body].concat();
        let mac = self.mac(version, channel.as_bytes(), &sealed).finalize().into_bytes();
        [&[version], self.epoch.as_bytes(), &mac[..MAC_BYTES], &sealed].concat()
    }

    fn mac(&self, version: u8, channel: &[u8], sealed: &[u8]) -> Hmac<Sha256> {
        // The length keeps the channel's end from being taken for the frame's beginning.
        let length = (channel.len() as u64).to_be_bytes();
        self.mac
            .clone()
            .chain_update([version])
            .chain_update(length)
            .chain_update(channel)
            .chain_update(sealed)
    }

    fn room(&self, channel: &[u8]) -> Option<RoomName> {
        std::str::from_utf8(channel).ok()?.strip_prefix(&self.channels)?.parse().ok()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// What a frame of version 1 says about its channel's room.
#[derive(Serialize, Deserialize)]
enum Body<'a> {
    #[serde(borrow)]
    Messages(Vec<Entry<'a>>),
    Head(u64),
}

/// One message of the channel's room.
#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    seq: u64,
    kind: &'a str,
    author: &'a str,
    author_name: &'a str,
    nonce: Option<&'a str>,
    text: &'a str,
    at: u64,
    node: &'a str,
}

/// What a frame of version 2 says: messages of the channel's room, each with its trace if it is sampled.
#[derive(Serialize, Deserialize)]
struct TracedBody<'a>(#[serde(borrow)] Vec<(Entry<'a>, Option<TraceIds>)>);

/// A trace's id and a span's.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct TraceIds([u8; 16], [u8; 8]);

impl From<TraceContext> for TraceIds {
    fn from(trace: TraceContext) -> Self {
        Self(trace.trace_id, trace.span_id)
    }
}

fn write(body: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(body).expect("strings and numbers can always be written to memory")
}

fn read(room: RoomName, body: &[u8]) -> Option<Hint> {
    match postcard::take_from_bytes(body).ok()? {
        (Body::Head(seq), []) => Some(Hint::Head(room, Seq(seq))),
        (Body::Messages(entries), []) => messages(&room, entries.iter().map(|entry| (entry, None))),
        _ => None,
    }
}

fn read_traced(room: &RoomName, body: &[u8]) -> Option<Hint> {
    let (TracedBody(entries), []) = postcard::take_from_bytes(body).ok()? else { return None };
    messages(room, entries.iter().map(|(entry, trace)| (entry, *trace)))
}

fn messages<'a>(
    room: &RoomName,
    entries: impl Iterator<Item = (&'a Entry<'a>, Option<TraceIds>)> + Clone,
) -> Option<Hint> {
    if !is_run(entries.clone().map(|(entry, _)| entry.seq)) {
        return None;
    }
    let message = |(entry, trace): (&Entry<'_>, _)| entry.message(room, trace).map(Arc::new);
    entries.map(message).collect::<Result<_, _>>().ok().map(Hint::Messages)
}

/// Whether these are one or more messages in ascending order, the first at 1 or later.
fn is_run(mut seqs: impl Iterator<Item = u64> + Clone) -> bool {
    seqs.clone().is_sorted_by(|a, b| a < b) && seqs.next().is_some_and(|first| Seq::ZERO < Seq(first))
}

impl<'a> Entry<'a> {
    fn of(message: &'a Message) -> Self {
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
    fn message(&self, room: &RoomName, trace: Option<TraceIds>) -> Result<Message, Invalid> {
        let draft = Draft {
            room: room.clone(),
            kind: self.kind.parse()?,
            author: Author { id: self.author.parse()?, name: self.author_name.parse()? },
            nonce: self.nonce.map(str::parse).transpose()?,
            text: MessageText::new(self.text, self.text.len())?,
            at: UnixMs(self.at),
            node: self.node.parse()?,
            trace: trace.map(|TraceIds(trace_id, span_id)| TraceContext { trace_id, span_id }),
        };
        Ok(Message { seq: Seq(self.seq), draft })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::said;

    const BATCH_MAX_BYTES: usize = 1_000;

    fn wire(epoch: u128, key: u8, origin: u64) -> Wire {
        Wire::new("test", Epoch::from_random(epoch), &[key; 32], origin, BATCH_MAX_BYTES)
    }

    fn room() -> RoomName {
        "lobby".parse().unwrap()
    }

    fn batch(seqs: &[u64], text: &str) -> Vec<Arc<Message>> {
        seqs.iter().map(|seq| said("lobby", *seq, text)).collect()
    }

    /// What another node of the same log reads.
    fn heard(channel: &str, frame: &[u8]) -> Result<Option<Hint>, DecodeError> {
        wire(1, 1, 2).decode(channel.as_bytes(), frame)
    }

    /// What another node reads in a sealed frame with this body.
    fn heard_body(body: &[u8]) -> Result<Option<Hint>, DecodeError> {
        let sender = wire(1, 1, 1);
        let channel = sender.channel(&room());
        heard(&channel, &sender.seal(PLAIN, &channel, body))
    }

    /// The same batch, of which the second message is sampled.
    fn sampled(mut batch: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        let trace = TraceContext { trace_id: [7; 16], span_id: [9; 8] };
        let mut second = Message::clone(&batch[1]);
        second.draft.trace = Some(trace);
        batch[1] = Arc::new(second);
        batch
    }

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let (sender, sent) = (wire(1, 1, 1), batch(&[7, 8, 10], "hello\n\u{1f600}"));
        let frame = sender.encode(&room(), &sent);
        assert_eq!(heard(&sender.channel(&room()), &frame), Ok(Some(Hint::Messages(sent))));
    }

    #[test]
    fn a_sampled_message_takes_its_trace_along_in_a_frame_that_old_nodes_drop() {
        let (sender, plain) = (wire(1, 1, 1), batch(&[7, 8, 10], "hello"));
        let traced = sampled(plain.clone());
        let channel = sender.channel(&room());
        assert_eq!(sender.encode(&room(), &plain)[0], PLAIN, "which every node can read");
        let frame = sender.encode(&room(), &traced);
        assert_eq!(frame[0], TRACED);
        assert_eq!(heard(&channel, &frame), Ok(Some(Hint::Messages(traced))));

        let mut relabelled = frame.clone();
        relabelled[0] = PLAIN;
        assert_eq!(heard(&channel, &relabelled), Err(DecodeError::Forged));
        let large = sampled(batch(&[1, 2], &"x".repeat(BATCH_MAX_BYTES)));
        let frame = sender.encode(&room(), &large);
        assert_eq!(frame[0], PLAIN);
        assert_eq!(heard(&channel, &frame), Ok(Some(Hint::Head(room(), Seq(2)))));
    }

    #[test]
    fn a_channel_names_prefix_epoch_and_room() {
        assert_eq!(wire(1, 1, 1).channel(&room()), "test:00000000000000000000000000000001:lobby");
    }

    #[test]
    fn a_batch_that_is_too_large_travels_as_its_head() {
        let sender = wire(1, 1, 1);
        let room_for_text = BATCH_MAX_BYTES - sender.encode(&room(), &batch(&[1], &"x".repeat(200))).len();
        let largest = batch(&[1], &"x".repeat(200 + room_for_text));
        let larger = batch(&[1], &"x".repeat(201 + room_for_text));

        let frame = sender.encode(&room(), &largest);
        assert_eq!(frame.len(), BATCH_MAX_BYTES);
        assert_eq!(heard(&sender.channel(&room()), &frame), Ok(Some(Hint::Messages(largest))));
        let frame = sender.encode(&room(), &larger);
        assert_eq!(heard(&sender.channel(&room()), &frame), Ok(Some(Hint::Head(room(), Seq(1)))));
    }

    #[test]
    fn a_bus_steps_over_what_it_sent_itself() {
        let sender = wire(1, 1, 1);
        let frame = sender.encode(&room(), &batch(&[1], "x"));
        assert_eq!(sender.decode(sender.channel(&room()).as_bytes(), &frame), Ok(None));
    }

    #[test]
    fn what_is_not_from_this_log_and_for_this_channel_is_told_apart() {
        let sender = wire(1, 1, 1);
        let channel = sender.channel(&room());
        let frame = sender.encode(&room(), &batch(&[1], "x"));

        let elsewhere = sender.channel(&"other".parse().unwrap());
        assert_eq!(heard(&elsewhere, &frame), Err(DecodeError::Forged));
        let frame_of = |wire: Wire| wire.encode(&room(), &batch(&[1], "x"));
        assert_eq!(heard(&channel, &frame_of(wire(1, 9, 1))), Err(DecodeError::Forged));
        assert_eq!(heard(&channel, &frame_of(wire(9, 1, 1))), Err(DecodeError::Foreign));
        assert_eq!(heard(&channel, &frame_of(wire(9, 9, 1))), Err(DecodeError::Foreign));
        assert_eq!(heard(&channel, &[&[TRACED + 1], &frame[1..]].concat()), Err(DecodeError::Version));
        assert_eq!(heard(&channel, &[TRACED + 1]), Err(DecodeError::Version));
    }

    #[test]
    fn a_sealed_body_that_is_not_valid_is_corrupt() {
        let good = batch(&[1, 2], "x");
        let with = |change: fn(&mut Vec<Entry<'_>>)| {
            let mut entries = good.iter().map(|message| Entry::of(message)).collect();
            change(&mut entries);
            heard_body(&write(&Body::Messages(entries)))
        };
        assert_eq!(with(|_| ()), Ok(Some(Hint::Messages(good.clone()))));
        let bad: [fn(&mut Vec<Entry<'_>>); 11] = [
            |entries| entries.clear(),
            |entries| entries[0].seq = 0,
            |entries| entries[1].seq = 1,
            |entries| entries.swap(0, 1),
            |entries| entries[0].kind = "NO",
            |entries| entries[0].author = "a b",
            |entries| entries[0].author_name = "",
            |entries| entries[1].nonce = Some("\0"),
            |entries| entries[0].text = "",
            |entries| entries[0].text = "\u{1b}[31m",
            |entries| entries[1].node = "/",
        ];
        for (index, change) in bad.into_iter().enumerate() {
            assert_eq!(with(change), Err(DecodeError::Corrupt), "{index}");
        }
        let trailing = [&write(&Body::Head(3))[..], b"x"].concat();
        for body in [&trailing[..], b"", b"\x02", b"\x00\xff\xff\xff\xff\x0f"] {
            assert_eq!(heard_body(body), Err(DecodeError::Corrupt), "{body:?}");
        }
    }

    #[test]
    fn no_damaged_frame_is_believed() {
        let sender = wire(1, 1, 1);
        let channel = sender.channel(&room());
        let frame = sender.encode(&room(), &batch(&[1, 2], "hello"));
        for length in 0..frame.len() {
            let error = heard(&channel, &frame[..length]).unwrap_err();
            let cut = length < 1 + EPOCH_BYTES + MAC_BYTES;
            assert_eq!(error, if cut { DecodeError::Corrupt } else { DecodeError::Forged }, "{length}");
        }
        for (place, bit) in (0..frame.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
            let mut flipped = frame.clone();
            flipped[place] ^= 1 << bit;
            let expected = match place {
                0 => DecodeError::Version,
                1..=EPOCH_BYTES => DecodeError::Foreign,
                _ => DecodeError::Forged,
            };
            assert_eq!(heard(&channel, &flipped), Err(expected), "bit {bit} of byte {place}");
        }
    }

    #[test]
    fn random_bytes_never_panic_nor_pass() {
        let sender = wire(1, 1, 1);
        let channel = sender.channel(&room());
        let header = [&[PLAIN], sender.epoch.as_bytes()].concat();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            // xorshift64: seeded, so that a failure comes back.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..5_000 {
            let bytes: Vec<u8> = (0..random() % 200).map(|_| random() as u8).collect();
            assert!(heard(&channel, &bytes).is_err());
            assert!(heard(&channel, &[&header[..], &bytes].concat()).is_err());
            // Behind a good seal anything may come out, but no panic.
            let _ = heard_body(&bytes);
        }
    }
}
