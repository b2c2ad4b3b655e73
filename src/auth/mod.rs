//! Guests and their signed tokens.
//!
//! A token contains the user and the time of issue. Nothing is stored: any node with the key verifies any node's tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::chat::model::{Author, Hue, UnixMs, UserId, UserName};

/// Issues and verifies tokens: `v1.<claims>.<HMAC-SHA256 of "v1.<claims>">`, both in URL-safe base64.
pub struct Tokens {
    key: Hmac<Sha256>,
    ttl_ms: u64,
}

/// Longer tokens are rejected unread.
const TOKEN_BYTES_MAX: usize = 1_024;

/// The content of a token. Later versions must be able to read it.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// User id.
    u: String,
    /// User name.
    n: String,
    /// Time of issue.
    t: u64,
    /// Colour. Older nodes ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u16>,
}

/// The token is malformed, was signed with another key, or has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is invalid or has expired")]
pub struct BadToken;

impl Tokens {
    /// Tokens that are signed with `secret` and expire `ttl_ms` after they were issued.
    #[must_use]
    pub fn new(secret: &[u8], ttl_ms: u64) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self { key: key.chain_update(b"chorus token "), ttl_ms }
    }

    /// Issues a token to `user`.
    #[must_use]
    pub fn issue(&self, user: &Author, now: UnixMs) -> String {
        let color = user.color.map(Hue::degrees);
        let claims = Claims { u: user.id.to_string(), n: user.name.to_string(), t: now.0, c: color };
        let claims = serde_json::to_vec(&claims).expect("strings and a number are JSON");
        let signed = format!("v1.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
        let mac = self.key.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
    }

    /// Verifies a token and returns its user.
    ///
    /// # Errors
    ///
    /// [`BadToken`]: the client needs a new session.
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

/// Makes a guest with an id of 96 random bits. Without a name, they get one derived from the id.
///
/// # Errors
///
/// The system has no random numbers.
pub fn new_guest(name: Option<UserName>, color: Option<Hue>) -> Result<Author, getrandom::Error> {
    let (high, low) = (getrandom::u32()?, getrandom::u64()?);
    let id: UserId = format!("u{high:08x}{low:016x}").parse().expect("letters and digits are an id");
    let name = name.unwrap_or_else(|| {
        format!("guest-{:04x}", high >> 16).parse().expect("letters, digits and a dash are a name")
    });
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
        for index in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[index] = if forged[index] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character's low bits are not part of the MAC, but a strict decoder rejects them, too.
            assert_eq!(tokens.read(&forged, UnixMs(0)), Err(BadToken), "{forged}");
        }
        for junk in ["", ".", "v1.", "v1..", "v1.e30.", &"x".repeat(5_000)] {
            assert_eq!(tokens.read(junk, UnixMs(0)), Err(BadToken), "{junk}");
        }
    }
}
