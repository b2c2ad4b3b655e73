//! Who someone is: guest sessions, kept by a signed token.
//!
//! A token says who its bearer is and when it was issued. Nothing is stored:
//! every node that has the key reads every node's tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::chat::model::{Author, Hue, UnixMs, UserId, UserName};

/// Signs and reads tokens: `v1.<claims>.<HMAC-SHA256 of "v1.<claims>">`, both in URL-safe base64.
pub struct Tokens {
    key: Hmac<Sha256>,
    ttl_ms: u64,
}

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 1_024;

/// What a token says. Its form is kept by every later version.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's id.
    u: String,
    /// The name at that time.
    n: String,
    /// When it was issued, in milliseconds since 1970.
    t: u64,
    /// The colour at that time, if there was one; nodes that know of none step over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u16>,
}

/// The token was not signed with this key, is not whole, or is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid, or no longer")]
pub struct BadToken;

impl Tokens {
    /// Tokens under a secret, good for `ttl_ms` after they were issued.
    #[must_use]
    pub fn new(secret: &[u8], ttl_ms: u64) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self { key: key.chain_update(b"chorus token "), ttl_ms }
    }

    /// Issues a token.
    #[must_use]
    pub fn issue(&self, user: &Author, now: UnixMs) -> String {
        let color = user.color.map(Hue::degrees);
        let claims = Claims { u: user.id.to_string(), n: user.name.to_string(), t: now.0, c: color };
        let claims = serde_json::to_vec(&claims).expect("strings and a number are JSON");
        let signed = format!("v1.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let mac = self.key.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    /// Reads a token: who its bearer is.
    ///
    /// # Errors
    ///
    /// [`BadToken`]; a new session helps.
    pub fn read(&self, token: &str, now: UnixMs) -> Result<Author, BadToken> {
        if TOKEN_BYTES_MAX < token.len() {
            return Err(BadToken);
        }
        let (signed, mac) = token.rsplit_once('.').ok_or(BadToken)?;
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).map_err(|_| BadToken)?;
        self.key.clone().chain_update(signed).verify_slice(&mac).map_err(|_| BadToken)?;
        let claims = signed.strip_prefix("v1.").ok_or(BadToken)?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| BadToken)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| BadToken)?;
        if claims.t.saturating_add(self.ttl_ms) < now.0 {
            return Err(BadToken);
        }
        Ok(Author {
            id: claims.u.parse().map_err(|_| BadToken)?,
            name: claims.n.parse().map_err(|_| BadToken)?,
            color: claims.c.map(u64::from).map(Hue::try_from).transpose().map_err(|_| BadToken)?,
        })
    }
}

/// A new guest: an id of 96 random bits, the name they chose, or one made of the id, and their colour.
///
/// # Errors
///
/// The system has no random numbers.
pub fn new_guest(name: Option<UserName>, color: Option<Hue>) -> Result<Author, getrandom::Error> {
    let (high, low) = (getrandom::u32()?, getrandom::u64()?);
    let id: UserId = format!("u{high:08x}{low:016x}").parse().expect("letters and digits are an id");
    let name = name.unwrap_or_else(|| format!("guest-{:04x}", high >> 16).parse().expect("that is a name"));
    Ok(Author { id, name, color })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Author {
        Author { id: "u1".parse().unwrap(), name: "Ada \"L\" é".parse().unwrap(), color: None }
    }

    #[test]
    fn a_token_is_read_by_whoever_has_the_key_until_it_is_too_old() {
        let (ours, theirs) = (Tokens::new(b"key", 1_000), Tokens::new(b"other", 1_000));
        let token = ours.issue(&ada(), UnixMs(5_000));
        assert_eq!(ours.read(&token, UnixMs(6_000)), Ok(ada()));
        assert_eq!(ours.read(&token, UnixMs(6_001)), Err(BadToken));
        assert_eq!(theirs.read(&token, UnixMs(5_000)), Err(BadToken));
        let blue = Author { color: Some(Hue::try_from(240).unwrap()), ..ada() };
        assert_eq!(ours.read(&ours.issue(&blue, UnixMs(0)), UnixMs(0)), Ok(blue));
    }

    #[test]
    fn a_token_with_one_character_changed_is_refused() {
        let tokens = Tokens::new(b"key", 1_000);
        let token = tokens.issue(&ada(), UnixMs(0));
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character's low bits are not part of the MAC; a strict decoder refuses them all the same.
            assert_eq!(tokens.read(&forged, UnixMs(0)), Err(BadToken), "{forged}");
        }
        for junk in ["", ".", "v1.", "v1..", "v1.e30.", &"x".repeat(5_000)] {
            assert_eq!(tokens.read(junk, UnixMs(0)), Err(BadToken), "{junk}");
        }
    }
}
