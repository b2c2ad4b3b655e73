//! The wire format of the bus: how one node's hints and presence reach the others.
//!
//! A frame is
//!
//! ```text
//! version  1 byte
//! epoch   32 hexadecimal digits
//! mac     16 bytes: HMAC-SHA256 over version, channel, origin and body, truncated
//! origin   8 bytes: the node instance that sent it
//! body     the rest: postcard
//! ```
//!
//! The room is not in the frame but in the channel's name, which the MAC covers: a frame that is copied to another
//! room's channel is a forgery.
//!
//! A frame has the lowest version that can carry its content, and a node drops versions that it does not know. So a
//! rolling upgrade may add versions: an old node finds by its sweep what it cannot decode.

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
        presence::{PRESENCE, PRESENCE as NEWEST},
    },
};

mod messages;
mod presence;

/// Derives the bus's key from the log's, so that the two differ.
const KEY_LABEL: &[u8] = b"chorus bus v1";

const EPOCH_BYTES: usize = 32;
const MAC_BYTES: usize = 16;
const ORIGIN_BYTES: usize = 8;
const HEADER_BYTES: usize = 1 + EPOCH_BYTES + MAC_BYTES + ORIGIN_BYTES;

/// Why a frame is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is truncated, or its body is not what its version requires.
    #[error("the frame is corrupt")]
    Corrupt,
    /// Its MAC is not that of this log's key and this channel.
    #[error("the frame is forged")]
    Forged,
    /// It belongs to another log.
    #[error("the frame has another epoch")]
    Foreign,
    /// This node does not know its version.
    #[error("the frame has an unknown version")]
    Version,
}

impl DecodeError {
    /// The error's label in metrics.
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

/// The content of a frame that another node sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is about a room's messages.
    Hint(Hint),
    /// It is about a room's members.
    PresenceUpdate(PresenceUpdate),
}

/// Encodes and decodes the frames of one log's bus.
pub struct Wire {
    /// The beginning of all channel names of this log.
    channel_prefix: String,
    epoch: String,
    origin: [u8; ORIGIN_BYTES],
    mac: Hmac<Sha256>,
    batch_max_bytes: usize,
}

impl Wire {
    /// The wire format of the log with `epoch` and `log_key`.
    ///
    /// `origin` identifies this node's frames. It is a random number, not the node's name: two nodes that were given
    /// one name by mistake would ignore each other.
    #[must_use]
    pub fn new(prefix: &str, epoch: Epoch, log_key: &[u8; 32], origin: u64, batch_max_bytes: usize) -> Self {
        let key = hmac_with(log_key).chain_update(KEY_LABEL).finalize().into_bytes();
        Self {
            channel_prefix: format!("{prefix}:{epoch}:"),
            epoch: epoch.to_string(),
            origin: origin.to_be_bytes(),
            mac: hmac_with(&key),
            batch_max_bytes,
        }
    }

    /// The channel that carries a room's frames.
    #[must_use]
    pub fn channel(&self, room: &RoomName) -> String {
        format!("{}{room}", self.channel_prefix)
    }

    /// The key under which presence is stored.
    #[must_use]
    pub fn presence_key(&self, name: &str) -> String {
        format!("{}presence:{name}", self.channel_prefix)
    }

    /// This node's instance, as its frames name it.
    #[must_use]
    pub fn instance(&self) -> NodeInstance {
        NodeInstance(u64::from_be_bytes(self.origin))
    }

    /// Encodes a batch of `room`, not empty and ascending; only the new head if the frame would exceed
    /// `batch_max_bytes`.
    #[must_use]
    pub fn encode(&self, room: &RoomName, batch: &[Arc<Message>]) -> Vec<u8> {
        let (version, body) = messages::encode(batch);
        if HEADER_BYTES + body.len() <= self.batch_max_bytes {
            return self.seal(version, &self.channel(room), &body);
        }
        let (version, head) = messages::encode_head(batch);
        self.seal(version, &self.channel(room), &head)
    }

    /// Encodes a presence update of `room`.
    #[must_use]
    pub fn encode_presence(&self, room: &RoomName, kind: &PresenceUpdateKind) -> Vec<u8> {
        self.seal(PRESENCE, &self.channel(room), &presence::encode(kind))
    }

    /// Encodes this node's status, to be stored under `key`.
    #[must_use]
    pub fn encode_status(&self, key: &str, status: &NodeStatus) -> Vec<u8> {
        self.seal(PRESENCE, key, &presence::encode_status(status))
    }

    /// Decodes a frame that was received on `channel`; `None` if this node sent it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why the frame is dropped.
    pub fn decode(&self, channel: &[u8], frame: &[u8]) -> Result<Option<Received>, DecodeError> {
        let (version, instance, body) = self.open(channel, frame)?;
        if instance == self.instance() {
            return Ok(None);
        }
        let room = self.room(channel).ok_or(DecodeError::Corrupt)?;
        let received = match version {
            PRESENCE => presence::decode(body)
                .map(|kind| Received::PresenceUpdate(PresenceUpdate { instance, room, kind })),
            _ => messages::decode(version, &room, body).map(Received::Hint),
        };
        received.map(Some).ok_or(DecodeError::Corrupt)
    }

    /// Decodes the presence that `instance` stored for `room`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why the frame is ignored.
    pub fn decode_presence(
        &self,
        room: &RoomName,
        instance: NodeInstance,
        frame: &[u8],
    ) -> Result<PresenceUpdateKind, DecodeError> {
        let body = self.open_stored(&self.channel(room), instance, frame)?;
        presence::decode(body).ok_or(DecodeError::Corrupt)
    }

    /// Decodes the status that `instance` stored under `key`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says why the frame is ignored.
    pub fn decode_status(
        &self,
        key: &str,
        instance: NodeInstance,
        frame: &[u8],
    ) -> Result<NodeStatus, DecodeError> {
        let body = self.open_stored(key, instance, frame)?;
        presence::decode_status(body).ok_or(DecodeError::Corrupt)
    }

    /// The body of a stored frame, which only `owner` may have written.
    fn open_stored<'f>(
        &self,
        channel: &str,
        owner: NodeInstance,
        frame: &'f [u8],
    ) -> Result<&'f [u8], DecodeError> {
        match self.open(channel.as_bytes(), frame)? {
            (PRESENCE, instance, body) if instance == owner => Ok(body),
            (PRESENCE, ..) => Err(DecodeError::Forged),
            _ => Err(DecodeError::Corrupt),
        }
    }

    /// A frame's version, sender and body.
    fn open<'f>(&self, channel: &[u8], frame: &'f [u8]) -> Result<(u8, NodeInstance, &'f [u8]), DecodeError> {
        let (version, rest) = frame.split_first().ok_or(DecodeError::Corrupt)?;
        if !(PLAIN..=NEWEST).contains(version) {
            return Err(DecodeError::Version);
        }
        // Before the MAC: another log may have another key.
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
        // The length keeps bytes from moving between the channel and the frame.
        let length = (channel.len() as u64).to_be_bytes();
        self.mac
            .clone()
            .chain_update([version])
            .chain_update(length)
            .chain_update(channel)
            .chain_update(sealed)
    }

    fn room(&self, channel: &[u8]) -> Option<RoomName> {
        std::str::from_utf8(channel).ok()?.strip_prefix(&self.channel_prefix)?.parse().ok()
    }
}

fn hmac_with(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests;
