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
//! node is gone, its sweep brings it what it cannot read.

use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use self::body::{NEWEST, PLAIN};
use crate::chat::{
    ports::Hint,
    types::{Epoch, Message, RoomName},
};

mod body;

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
        let (version, whole) = body::of(batch);
        if HEADER_BYTES + whole.len() <= self.batch_max_bytes {
            return self.seal(version, &self.channel(room), &whole);
        }
        let (version, head) = body::of_head(batch);
        self.seal(version, &self.channel(room), &head)
    }

    /// Reads a frame that came over `channel`; `None` if this bus sent it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why it is to be dropped.
    pub fn decode(&self, channel: &[u8], frame: &[u8]) -> Result<Option<Hint>, DecodeError> {
        let (version, rest) = frame.split_first().ok_or(DecodeError::Corrupt)?;
        if !(PLAIN..=NEWEST).contains(version) {
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
        body::read(*version, &room, body).map(Some).ok_or(DecodeError::Corrupt)
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

#[cfg(test)]
mod tests {
    use super::{
        body::{Body, Entry, FULL, TRACED, write},
        *,
    };
    use crate::{
        chat::types::{Hue, MessageText, Seq, TraceContext},
        cluster::testing::said,
    };

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
    fn an_amendment_and_a_colour_travel_in_a_frame_that_old_nodes_drop() {
        let (sender, plain) = (wire(1, 1, 1), batch(&[7, 8, 9], "hello"));
        let channel = sender.channel(&room());
        let amended = |change: fn(&mut Message)| {
            let mut batch = sampled(plain.clone());
            change(Arc::make_mut(&mut batch[2]));
            batch
        };
        let changes: [fn(&mut Message); 3] = [
            |message| message.draft.author.color = Some(Hue::try_from(359).unwrap()),
            |message| (message.draft.kind, message.draft.of) = ("react".parse().unwrap(), Some(Seq(7))),
            |message| {
                (message.draft.kind, message.draft.of) = ("delete".parse().unwrap(), Some(Seq(7)));
                message.draft.text = MessageText::none();
            },
        ];
        for change in changes {
            let sent = amended(change);
            let frame = sender.encode(&room(), &sent);
            assert_eq!(frame[0], FULL);
            assert_eq!(heard(&channel, &frame), Ok(Some(Hint::Messages(sent))));
        }
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
        assert_eq!(heard(&channel, &[&[NEWEST + 1], &frame[1..]].concat()), Err(DecodeError::Version));
        assert_eq!(heard(&channel, &[NEWEST + 1]), Err(DecodeError::Version));
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
                0 if !(PLAIN..=NEWEST).contains(&flipped[0]) => DecodeError::Version,
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
            for version in [TRACED, FULL] {
                let _ = heard(&channel, &sender.seal(version, &channel, &bytes));
            }
        }
    }
}
