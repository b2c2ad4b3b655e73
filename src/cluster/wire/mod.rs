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

use crate::{
    chat::{
        model::{Epoch, Message, NodeInstance, RoomName},
        ports::{Hint, NodeStatus, PresenceUpdate, PresenceUpdateKind},
    },
    cluster::wire::{
        messages::PLAIN,
        presence::{WHISPER, WHISPER as NEWEST},
    },
};

mod messages;
mod presence;

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

/// What comes over a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something of a room's messages.
    Hint(Hint),
    /// Something of its people.
    PresenceUpdate(PresenceUpdate),
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
        let (version, whole) = messages::of(batch);
        if HEADER_BYTES + whole.len() <= self.batch_max_bytes {
            return self.seal(version, &self.channel(room), &whole);
        }
        let (version, head) = messages::of_head(batch);
        self.seal(version, &self.channel(room), &head)
    }

    /// Writes what is whispered in `room`.
    #[must_use]
    pub fn whisper(&self, room: &RoomName, said: &PresenceUpdateKind) -> Vec<u8> {
        self.seal(WHISPER, &self.channel(room), &presence::of(said))
    }

    /// Writes what this node says of itself, to be kept under `key`.
    #[must_use]
    pub fn status(&self, key: &str, status: &NodeStatus) -> Vec<u8> {
        self.seal(WHISPER, key, &presence::of_status(status))
    }

    /// What this bus calls itself.
    #[must_use]
    pub fn run(&self) -> NodeInstance {
        NodeInstance(u64::from_be_bytes(self.origin))
    }

    /// Where what nodes leave word of is kept.
    #[must_use]
    pub fn presence_key(&self, name: &str) -> String {
        format!("{}presence:{name}", self.channels)
    }

    /// Reads a frame that came over `channel`; `None` if this bus sent it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why it is to be dropped.
    pub fn decode(&self, channel: &[u8], frame: &[u8]) -> Result<Option<Heard>, DecodeError> {
        let (version, run, body) = self.open(channel, frame)?;
        if run == self.run() {
            return Ok(None);
        }
        let room = self.room(channel).ok_or(DecodeError::Corrupt)?;
        let heard = match version {
            WHISPER => presence::read(body)
                .map(|said| Heard::PresenceUpdate(PresenceUpdate { instance: run, room, kind: said })),
            _ => messages::read(version, &room, body).map(Heard::Hint),
        };
        heard.map(Some).ok_or(DecodeError::Corrupt)
    }

    /// Reads what `run` keeps of its people in `room`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why it is not to be believed.
    pub fn read_said(
        &self,
        room: &RoomName,
        run: NodeInstance,
        frame: &[u8],
    ) -> Result<PresenceUpdateKind, DecodeError> {
        let body = self.open_kept(&self.channel(room), run, frame)?;
        presence::read(body).ok_or(DecodeError::Corrupt)
    }

    /// Reads what `run` keeps of itself under `key`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why it is not to be believed.
    pub fn read_status(&self, key: &str, run: NodeInstance, frame: &[u8]) -> Result<NodeStatus, DecodeError> {
        let body = self.open_kept(key, run, frame)?;
        presence::read_status(body).ok_or(DecodeError::Corrupt)
    }

    /// Opens what one bus is to have left where only it writes.
    fn open_kept<'f>(
        &self,
        channel: &str,
        by: NodeInstance,
        frame: &'f [u8],
    ) -> Result<&'f [u8], DecodeError> {
        match self.open(channel.as_bytes(), frame)? {
            (WHISPER, run, body) if run == by => Ok(body),
            (WHISPER, ..) => Err(DecodeError::Forged),
            _ => Err(DecodeError::Corrupt),
        }
    }

    /// A frame's version, who sealed it, and its body.
    fn open<'f>(&self, channel: &[u8], frame: &'f [u8]) -> Result<(u8, NodeInstance, &'f [u8]), DecodeError> {
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
        Ok((*version, NodeInstance(u64::from_be_bytes(*origin)), body))
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
mod tests;
