//! The identity of a log.

use std::{fmt, str::FromStr};

use super::error::ValidationError;

/// The identity of a log. Another log, or the same one restored from a backup, has another epoch; seqs of one
/// epoch mean nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u128);

impl Epoch {
    /// An epoch of 128 bits that the caller drew at random.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<Self, ValidationError> {
        let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let bits = u128::from_str_radix(text, 16).map_err(|_| ValidationError::Epoch)?;
        if digits { Ok(Self(bits)) } else { Err(ValidationError::Epoch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_read_back_as_it_was_written() {
        let epoch = Epoch::from_random(0xabc);
        assert_eq!(epoch.to_string().parse(), Ok(epoch));
        for bad in ["", "abc", "+0000000000000000000000000000abc", &"g".repeat(32)] {
            assert_eq!(bad.parse::<Epoch>(), Err(ValidationError::Epoch), "{bad}");
        }
    }
}
