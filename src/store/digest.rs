//! What a log remembers of a message beside its nonce, to tell a retry from another message.

use sha2::{Digest as _, Sha256};

use crate::chat::model::Draft;

/// A short hash of what a message says. It outlives the message, so that a
/// retry is known also when history was pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    /// The digest of a draft: its kind, its text, and what it is about.
    pub(super) fn of(draft: &Draft) -> Self {
        let Draft { kind, text, target, .. } = draft;
        let mut hash = Sha256::new()
            .chain_update((kind.as_str().len() as u64).to_le_bytes())
            .chain_update(kind.as_str())
            .chain_update(text.as_str());
        if let Some(target) = target {
            // No text has this character, and an ordinary message's digest is what it was before there were others.
            hash = hash.chain_update([0]).chain_update(target.0.to_le_bytes());
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Self(short)
    }

    /// The bytes, to be stored.
    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
