//! What a reader may ask: whose notifications, in which order, which page. SQL is in `store`, HTTP
//! in the API.
//!
//! The id is the order (design, section 3), so a page is "what comes after this id", and its price
//! does not depend on how far into the list it is. How such a place is written for a client is in
//! `query/cursor.rs`; what the filters of a list mean is in [`crate::filter`].

use uuid::Uuid;

use crate::filter::Filter;
use crate::notification::Notification;

mod cursor;

pub use cursor::{Cursor, CursorError, ListHash};

/// The most rows that a page may be asked to have.
pub const LIMIT_MAX: u32 = 500;
/// How many rows a feed has where no limit is given.
pub const FEED_LIMIT_DEFAULT: u32 = 50;
/// How many rows of an order are given where no limit is given: all of every real order, and not
/// the whole table of an id that some producer uses for everything.
pub const ORDER_ROWS_MAX: u32 = 10_000;
/// The furthest that `offset` reaches: skipping costs reading, a cursor costs nothing.
pub const OFFSET_MAX: u32 = 10_000;
/// A page ends where the events of its rows, as text, pass this many bytes.
pub const PAGE_EVENT_BYTES: u32 = 8 * 1024 * 1024;
/// How many rows a page may look at to find those that its filter shows: some filters have no index
/// of their own. Such a page may be short, and leads to the next one all the same.
pub const EXAMINED_MAX: u32 = 100_000;
/// The most characters that an id may have: the width of its column.
pub const ID_CHARACTERS_MAX: usize = 255;

/// Whose notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Those that name this order.
    Order(String),
    /// Those that name this customer.
    Customer(String),
    /// Those that name this runner.
    Runner(String),
    /// Those that belong to this saga or request.
    Correlation(String),
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

/// One page of the notifications that a filter shows, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilteredQuery {
    /// What is shown.
    pub filter: Filter,
    /// The event types of the filter, its patterns resolved; `None` where it names none. Each of
    /// them once, at most `filter::EVENT_TYPES_MAX`.
    pub event_types: Option<Vec<String>>,
    /// At most so many rows.
    pub limit: u32,
    /// Look at so many rows at most, see [`EXAMINED_MAX`].
    pub examined_max: u32,
    /// Begin after this id.
    pub after: Option<Uuid>,
}

/// The answer to a [`PageQuery`] or a [`FilteredQuery`].
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, in the direction of the list. May be fewer than the limit though more follow: a
    /// page also ends by its bytes, and by how many rows it may look at.
    pub notifications: Vec<Notification>,
    /// The id after which the next page begins; none at the end of the list.
    pub end: Option<Uuid>,
}

impl Page {
    /// The cursor of the next page of this list; none at its end.
    pub fn next(&self, list: ListHash) -> Option<Cursor> {
        Some(Cursor::new(list, self.end?))
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

    /// The list of a runner, newest first.
    pub fn of_runner(runner_id: String) -> Self {
        Self {
            subject: Subject::Runner(runner_id),
            direction: Direction::NewestFirst,
        }
    }

    /// The list of a correlation id, oldest first: it is the story of a saga or a request.
    pub fn of_correlation(correlation_id: String) -> Self {
        Self {
            subject: Subject::Correlation(correlation_id),
            direction: Direction::OldestFirst,
        }
    }

    /// What the cursors of this list are bound to.
    pub fn hash(&self) -> ListHash {
        let (kind, id) = match &self.subject {
            Subject::Order(id) => ("order", id),
            Subject::Customer(id) => ("customer", id),
            Subject::Runner(id) => ("runner", id),
            Subject::Correlation(id) => ("correlation", id),
        };
        let direction = match self.direction {
            Direction::OldestFirst => "oldest-first",
            Direction::NewestFirst => "newest-first",
        };
        ListHash::of(kind, direction, id.as_bytes())
    }
}

impl Filter {
    /// What the cursors of the list of this filter are bound to.
    pub fn list_hash(&self) -> ListHash {
        ListHash::of("filter", "newest-first", &self.canonical_bytes())
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
