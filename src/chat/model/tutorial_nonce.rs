//! The nonce of a message from a client of the Socket.IO tutorial.

use sha2::{Digest as _, Sha256};

use super::names::Nonce;

/// Characters of the client offset that the nonce shows: a socket id of 20, and a counter.
const PRINTED_MAX: usize = 40;
/// Bytes of the hash that follow, 128 bits.
const HASH_BYTES: usize = 16;

impl Nonce {
    /// Derives a nonce from a tutorial client's offset and content. Offsets alone are not unique: every client that
    /// sends before it is connected sends `undefined-0`.
    ///
    /// The nonce begins with the printable part of the offset, so that a client's nonces are neighbours in the log's
    /// index; a bare hash would touch another page for each message.
    #[must_use]
    pub fn of_tutorial(client_offset: &str, content: &str) -> Self {
        let length = (client_offset.len() as u64).to_le_bytes();
        let hash =
            Sha256::new().chain_update(length).chain_update(client_offset).chain_update(content).finalize();
        let printed = client_offset.chars().filter(char::is_ascii_graphic).take(PRINTED_MAX);
        let digits = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}"));
        Self::from_printable(printed.map(String::from).chain([":".to_owned()]).chain(digits).collect())
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
