//! The digest that a log stores with a nonce, to tell a retry from another message with the same nonce.

use sha2::{Digest as _, Sha256};

use crate::chat::model::Draft;

/// A hash of a message's kind, text and target. It outlives the message, so that a retry is recognised after the
/// message was pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    pub(super) fn of(draft: &Draft) -> Self {
        let Draft { kind, text, target, .. } = draft;
        let mut hash = Sha256::new()
            .chain_update((kind.as_str().len() as u64).to_le_bytes())
            .chain_update(kind.as_str())
            .chain_update(text.as_str());
        if let Some(target) = target {
            // No posted text contains NUL, so this cannot equal a longer text. Without a target nothing is added: the digest
            // stays equal to those of logs from before amendments.
            hash = hash.chain_update([0]).chain_update(target.0.to_le_bytes());
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Self(short)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
