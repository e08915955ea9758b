//! A place as a text that a client keeps and sends back: the `id:` of an event.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Place;

const VERSION: u8 = 1;
const BYTES: usize = 33;

/// Why a text is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no event id of this service")]
pub struct EventIdError;

impl fmt::Display for Place {
    /// Version, number, time and row. It carries no authority: whoever makes one up reads what they
    /// could have asked for anyway.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend(self.commit_seq.to_be_bytes());
        bytes.extend(self.committed_at.to_be_bytes());
        bytes.extend(self.row.into_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Place {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        parse(text).ok_or(EventIdError)
    }
}

fn parse(text: &str) -> Option<Place> {
    let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let ([version], rest) = bytes.split_first_chunk()?;
    let (commit_seq, rest) = rest.split_first_chunk()?;
    let (committed_at, row) = rest.split_first_chunk()?;
    let place = Place {
        commit_seq: i64::from_be_bytes(*commit_seq),
        committed_at: i64::from_be_bytes(*committed_at),
        row: Uuid::from_slice(row).ok()?,
    };
    (*version == VERSION && place.commit_seq >= 0).then_some(place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_read_back(commit_seq in 0_i64.., committed_at: i64, row: u128) {
            let row = Uuid::from_u128(row);
            let place = Place { commit_seq, committed_at, row };
            let text = place.to_string();
            prop_assert_eq!(text.parse(), Ok(place));
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        }

        #[test]
        fn any_other_text_is_none(text: String) {
            prop_assert_eq!(text.parse::<Place>(), Err(EventIdError));
        }
    }

    #[test]
    fn what_looks_like_one_is_none() {
        let text = Place::BEGINNING.to_string();
        let other_version = format!("Ag{}", text.get(2..).unwrap());
        let negative = Place {
            commit_seq: -1,
            ..Place::BEGINNING
        };
        for wrong in [
            "",
            text.get(1..).unwrap(),
            &format!("{text}A"),
            &format!("{text}="),
            &format!(" {text}"),
            &other_version,
            &negative.to_string(),
        ] {
            assert_eq!(wrong.parse::<Place>(), Err(EventIdError), "{wrong}");
        }
    }
}
