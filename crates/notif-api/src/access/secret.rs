//! A token's secret, and the hash that is kept of it.
//!
//! The secret is 256 random bits that nobody chose, so there is nothing to guess that a slow hash
//! would have to protect: one SHA-256 is as good as its whole range, and costs a request a
//! microsecond. (Passwords, which people choose, would need a slow one.)

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::hex::hex;

/// What each token begins with, so that people and scanners of repositories know one when they
/// see it.
const PREFIX: &str = "notif_";

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Random bytes of a token's id: it is a name, not a secret.
const ID_BYTES: usize = 6;

/// The hash of a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a token as it was presented.
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// The hash that 64 hexadecimal digits spell.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok()?;
            // from_str_radix takes a sign
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// As [`Self::from_hex`] reads it.
    pub(crate) fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// Takes as long wherever the two differ.
impl ConstantTimeEq for SecretHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        if notif_core::mutated!("api-token-by-prefix") {
            let head = |hash: &Self| hash.0.first_chunk::<2>().copied().unwrap_or_default();
            return head(self).ct_eq(&head(other));
        }
        self.0.ct_eq(&other.0)
    }
}

/// A hash is no secret, but has no place in a log either.
impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

/// A new token.
pub(crate) fn generate() -> Result<String, getrandom::Error> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    Ok(format!("{PREFIX}{}", hex(&secret)))
}

/// The id of a new token.
pub(crate) fn generate_id() -> Result<String, getrandom::Error> {
    let mut id = [0; ID_BYTES];
    getrandom::fill(&mut id)?;
    Ok(hex(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_that_other_tools_make() {
        // printf %s notif_0 | sha256sum
        let hash = SecretHash::of(b"notif_0");
        assert_eq!(SecretHash::from_hex(&hash.to_hex()), Some(hash.clone()));
        assert_eq!(
            SecretHash::of(b"abc").to_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let upper = hash.to_hex().to_uppercase();
        assert_eq!(SecretHash::from_hex(&upper), Some(hash));
    }

    #[test]
    fn what_is_not_64_digits_is_no_hash() {
        for text in [
            "",
            "abc",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"+1".repeat(32),
            &"\u{fc}".repeat(32),
        ] {
            assert_eq!(SecretHash::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn one_differing_bit_is_another_hash() {
        let hash = SecretHash::of(b"x");
        assert!(bool::from(hash.ct_eq(&hash)));
        for bit in 0..256_usize {
            let mut other = hash.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(hash.ct_eq(&other)), "{bit}");
        }
    }

    #[test]
    fn no_two_tokens_are_the_same_and_each_looks_like_one() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), PREFIX.len() + 64);
        assert!(one.starts_with(PREFIX));
        assert_eq!(generate_id().unwrap().len(), 12);
    }

    #[test]
    fn a_hash_shows_in_no_log() {
        let hash = SecretHash::of(b"x");
        assert!(!format!("{hash:?}").contains(&hash.to_hex()));
    }
}
