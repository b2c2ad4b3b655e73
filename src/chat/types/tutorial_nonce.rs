//! What identifies a message of the tutorial's clients.

use sha2::{Digest as _, Sha256};

use super::Nonce;

/// Characters of an offset in its nonce: a socket's id of 20, and a counter.
const PRINTED_MAX: usize = 40;
/// Bytes of the hash there, 128 bits.
const HASH_BYTES: usize = 16;

impl Nonce {
    /// The nonce of the tutorial's dialect: its clients' offsets are not unique (all that type before
    /// they connect send `undefined-0`), but the offset and the content together are.
    ///
    /// It begins with the offset, as far as that can be printed, so that the nonces of a client lie side by side
    /// in the log: were they a hash alone, each message would write another page.
    #[must_use]
    pub fn of_tutorial(client_offset: &str, content: &str) -> Self {
        let length = (client_offset.len() as u64).to_le_bytes();
        let hash =
            Sha256::new().chain_update(length).chain_update(client_offset).chain_update(content).finalize();
        let printed = client_offset.chars().filter(char::is_ascii_graphic).take(PRINTED_MAX);
        let digits = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}"));
        Self(printed.map(String::from).chain([":".to_owned()]).chain(digits).collect::<String>().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tutorial_nonce_is_that_of_an_offset_and_a_content() {
        let nonce = Nonce::of_tutorial("undefined-0", "hi");
        assert_eq!(nonce, Nonce::of_tutorial("undefined-0", "hi"));
        assert_eq!(nonce.as_str().parse(), Ok(nonce.clone()));
        for (offset, content) in
            [("undefined-0", "ho"), ("undefined-1", "hi"), ("undefined-", "0hi"), ("", "undefined-0hi")]
        {
            assert_ne!(nonce, Nonce::of_tutorial(offset, content));
        }
        let long = Nonce::of_tutorial(&"\u{7}é-".repeat(100), "hi");
        assert_eq!(long.as_str().parse(), Ok(long.clone()));
    }

    #[test]
    fn the_tutorial_nonces_of_a_client_lie_side_by_side() {
        let [one, other] = ["0nSAqGfJLvUGqtzOAAAB-7", "0nSAqGfJLvUGqtzOAAAB-8"];
        assert!(Nonce::of_tutorial(one, "hi").as_str().starts_with(one));
        assert!(Nonce::of_tutorial(other, "hi").as_str().starts_with(other));
    }
}
