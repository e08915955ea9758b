//! What a reader may ask: whose notifications, in which order, which page. SQL is in `store`, HTTP
//! in the API.
//!
//! The id is the order (design, section 3), so a page is "what comes after this id", and its price
//! does not depend on how far into the list it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::notification::Notification;

/// The most rows that a page may be asked to have.
pub const LIMIT_MAX: u32 = 500;
/// How many rows a customer's feed has where no limit is given.
pub const FEED_LIMIT_DEFAULT: u32 = 50;
/// How many rows of an order are given where no limit is given: all of every real order, and not
/// the whole table of an id that some producer uses for everything.
pub const ORDER_ROWS_MAX: u32 = 10_000;
/// The furthest that `offset` reaches: skipping costs reading, a cursor costs nothing.
pub const OFFSET_MAX: u32 = 10_000;
/// A page ends where the events of its rows, as text, pass this many bytes.
pub const PAGE_EVENT_BYTES: u32 = 8 * 1024 * 1024;
/// The most characters that an id may have: the width of its column.
pub const ID_CHARACTERS_MAX: usize = 255;

/// Whose notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Those that name this order.
    Order(String),
    /// Those that name this customer.
    Customer(String),
}

/// From which end a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A story: from its beginning.
    OldestFirst,
    /// A feed: from its end.
    NewestFirst,
}

/// A list, apart from which of its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Whose notifications.
    pub subject: Subject,
    /// From which end.
    pub direction: Direction,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// The list.
    pub list: List,
    /// At most so many rows.
    pub limit: u32,
    /// Skip so many rows.
    pub offset: u32,
    /// Begin after this id, in the direction of the list.
    pub after: Option<Uuid>,
}

/// The answer to a [`PageQuery`].
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, in the direction of the list. May be fewer than the limit though more follow: a
    /// page also ends by its bytes.
    pub notifications: Vec<Notification>,
    /// Whether more rows follow the last one.
    pub more: bool,
}

impl Page {
    /// Where the next page begins; none at the end of the list.
    pub fn next(&self, list: &List) -> Option<Cursor> {
        let end = self.notifications.last().filter(|_| self.more)?;
        Some(Cursor::new(list, end.notification_id))
    }
}

const CURSOR_VERSION: u8 = 1;
const CURSOR_BYTES: usize = 25;

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
    /// It was made for another id, or another endpoint.
    #[error("is a cursor of another list")]
    OtherList,
}

impl Cursor {
    fn new(list: &List, id: Uuid) -> Self {
        let mut bytes = [0; CURSOR_BYTES];
        let parts = list.cursor_head().into_iter().chain(id.into_bytes());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        Self(bytes)
    }

    /// The id in a cursor that was made for `list`.
    pub fn parse(text: &str, list: &List) -> Result<Uuid, CursorError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_not_base64| CursorError::Unknown)?;
        let (head, place) = bytes
            .split_first_chunk::<9>()
            .filter(|(head, _)| head.first() == Some(&CURSOR_VERSION))
            .ok_or(CursorError::Unknown)?;
        let id = Uuid::from_slice(place).map_err(|_length| CursorError::Unknown)?;
        if *head == list.cursor_head() {
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

impl List {
    /// The list of an order, oldest first.
    pub fn of_order(order_id: String) -> Self {
        Self {
            subject: Subject::Order(order_id),
            direction: Direction::OldestFirst,
        }
    }

    /// The list of a customer, newest first.
    pub fn of_customer(customer_id: String) -> Self {
        Self {
            subject: Subject::Customer(customer_id),
            direction: Direction::NewestFirst,
        }
    }

    fn cursor_head(&self) -> [u8; 9] {
        let (kind, id) = match &self.subject {
            Subject::Order(id) => ("order", id),
            Subject::Customer(id) => ("customer", id),
        };
        let direction = match self.direction {
            Direction::OldestFirst => "oldest-first",
            Direction::NewestFirst => "newest-first",
        };
        let mut hash = Sha256::new();
        // an id holds no NUL, so no two lists give the same bytes
        for part in [kind, "\0", direction, "\0", id] {
            hash.update(part);
        }
        let mut head = [CURSOR_VERSION; 9];
        for (to, from) in head.iter_mut().skip(1).zip(hash.finalize()) {
            *to = from;
        }
        head
    }
}

/// Why no notification can have this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Absent ids are NULL, never empty.
    #[error("must not be empty")]
    Empty,
    /// Text in PostgreSQL is UTF-8.
    #[error("must be UTF-8")]
    NotUtf8,
    /// Text in PostgreSQL holds no NUL.
    #[error("must not hold a NUL character")]
    Nul,
    /// The column is narrower.
    #[error("must have at most 255 characters, has {0}")]
    TooLong(usize),
}

/// The id that these bytes spell, where a row can have it.
pub fn id_from_bytes(bytes: Vec<u8>) -> Result<String, IdError> {
    id_from_text(String::from_utf8(bytes).map_err(|_position| IdError::NotUtf8)?)
}

/// The id that this text is, where a row can have it.
pub fn id_from_text(text: String) -> Result<String, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.contains('\0') {
        return Err(IdError::Nul);
    }
    match text.chars().count() {
        0..=ID_CHARACTERS_MAX => Ok(text),
        characters => Err(IdError::TooLong(characters)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0193_abcd_0000_8000_8000_0000_0000_0001);

    #[test]
    fn a_cursor_gives_its_id_back_for_its_own_list_only() {
        let list = List::of_order("o-1".to_owned());
        let text = Cursor::new(&list, ID).to_string();
        assert_eq!(Cursor::parse(&text, &list), Ok(ID));
        let others = [
            List::of_order("o-2".to_owned()),
            List::of_customer("o-1".to_owned()),
            List {
                direction: Direction::NewestFirst,
                ..list
            },
        ];
        for other in others {
            assert_eq!(Cursor::parse(&text, &other), Err(CursorError::OtherList));
        }
    }

    #[test]
    fn a_cursor_needs_no_escaping_in_an_address() {
        let text = Cursor::new(&List::of_order("o-1".to_owned()), ID).to_string();
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_cursor_is_told_apart_from_one_of_another_list() {
        let list = List::of_order("o-1".to_owned());
        let whole = Cursor::new(&list, ID).to_string();
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
                Cursor::parse(text, &list),
                Err(CursorError::Unknown),
                "{text}"
            );
        }
    }

    #[test]
    fn ids_that_no_row_can_have_are_refused_with_their_reason() {
        assert_eq!(id_from_bytes(vec![]), Err(IdError::Empty));
        assert_eq!(id_from_bytes(vec![0xff]), Err(IdError::NotUtf8));
        assert_eq!(id_from_bytes(b"a\0b".to_vec()), Err(IdError::Nul));
        // characters count, not bytes
        assert_eq!(
            id_from_text("\u{1F4E6}".repeat(255)),
            Ok("\u{1F4E6}".repeat(255))
        );
        assert_eq!(id_from_text("a".repeat(256)), Err(IdError::TooLong(256)));
    }
}
