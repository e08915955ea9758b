//! A place in a list, as a text that a client hands back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const CURSOR_VERSION: u8 = 1;
const CURSOR_BYTES: usize = 25;

/// What tells the cursors of one list from those of another: 8 bytes of a hash of what it shows and
/// in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListHash([u8; 8]);

impl ListHash {
    /// The hash of the list of `kind` (as `order`), read in `direction`, that shows `what`. Neither
    /// name holds a NUL, so no two lists give the same bytes.
    pub(super) fn of(kind: &str, direction: &str, what: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [kind, "\0", direction, "\0"] {
            hash.update(part);
        }
        hash.update(what);
        let mut head = [0; 8];
        for (to, from) in head.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(head)
    }
}

/// A place in a list: version, 8 bytes of a hash of the list, id. It carries no authority: whoever
/// makes one up reads what they could have asked for anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor([u8; CURSOR_BYTES]);

/// Why a text is no cursor of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It was not made by this service, or by another version of it.
    #[error("is not a cursor of this service")]
    Unknown,
    /// It was made for another id or filter, or another endpoint.
    #[error("is a cursor of another list")]
    OtherList,
}

impl Cursor {
    /// The place after `id` in `list`.
    pub fn new(list: ListHash, id: Uuid) -> Self {
        let mut bytes = [0; CURSOR_BYTES];
        let parts = [CURSOR_VERSION]
            .into_iter()
            .chain(list.0)
            .chain(id.into_bytes());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        Self(bytes)
    }

    /// The id in a cursor that was made for `list`.
    pub fn parse(text: &str, list: ListHash) -> Result<Uuid, CursorError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_not_base64| CursorError::Unknown)?;
        let (&[version], rest) = bytes.split_first_chunk().ok_or(CursorError::Unknown)?;
        let (hash, place) = rest.split_first_chunk().ok_or(CursorError::Unknown)?;
        let id = Uuid::from_slice(place).map_err(|_length| CursorError::Unknown)?;
        if version != CURSOR_VERSION {
            return Err(CursorError::Unknown);
        }
        if *hash == list.0 {
            Ok(id)
        } else {
            Err(CursorError::OtherList)
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::Filter;
    use crate::query::{Direction, List};

    const ID: Uuid = Uuid::from_u128(0x0193_abcd_0000_8000_8000_0000_0000_0001);

    #[test]
    fn a_cursor_gives_its_id_back_for_its_own_list_only() {
        let list = List::of_order("o-1".to_owned());
        let text = Cursor::new(list.hash(), ID).to_string();
        assert_eq!(Cursor::parse(&text, list.hash()), Ok(ID));
        let others = [
            List::of_order("o-2".to_owned()),
            List::of_customer("o-1".to_owned()),
            List::of_runner("o-1".to_owned()),
            List::of_correlation("o-1".to_owned()),
            List {
                direction: Direction::NewestFirst,
                ..list
            },
        ];
        let filter = Filter {
            order_id: Some("o-1".to_owned()),
            ..Filter::default()
        };
        let others = others.iter().map(List::hash).chain([filter.list_hash()]);
        for other in others {
            assert_eq!(Cursor::parse(&text, other), Err(CursorError::OtherList));
        }
    }

    #[test]
    fn a_cursor_needs_no_escaping_in_an_address() {
        let list = List::of_order("o-1".to_owned());
        let text = Cursor::new(list.hash(), ID).to_string();
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_cursor_is_told_apart_from_one_of_another_list() {
        let list = List::of_order("o-1".to_owned()).hash();
        let whole = Cursor::new(list, ID).to_string();
        let other_version = format!("B{}", whole.get(1..).unwrap());
        for text in [
            "",
            "x",
            "%%%",
            whole.get(1..).unwrap(),
            &format!("{whole}AAAA"),
            &other_version,
        ] {
            assert_eq!(
                Cursor::parse(text, list),
                Err(CursorError::Unknown),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_id_comes_back(id in any::<u128>(), order in ".{1,20}") {
            let list = List::of_order(order).hash();
            let id = Uuid::from_u128(id);
            prop_assert_eq!(Cursor::parse(&Cursor::new(list, id).to_string(), list), Ok(id));
        }

        #[test]
        fn no_text_is_too_odd_to_be_refused(text in ".{0,60}") {
            let list = List::of_order("o-1".to_owned()).hash();
            prop_assert!(Cursor::parse(&text, list).is_err());
        }
    }
}
