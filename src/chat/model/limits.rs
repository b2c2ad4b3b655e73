//! The sizes that values may have, apart from the values so that the error about them can name them.

pub(super) const IDENTIFIER_BYTES_MAX: usize = 64;
pub(super) const USER_NAME_BYTES_MAX: usize = 64;
pub(super) const NONCE_BYTES_MAX: usize = 128;
pub(super) const KIND_BYTES_MAX: usize = 32;
pub(super) const REACTION_BYTES_MAX: usize = 32;
pub(super) const HUE_MAX: u16 = 359;
