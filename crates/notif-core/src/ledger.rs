//! What a reader may ask of the ledgers: pages of losses and of runs, newest first, and of topics, by name.
//! SQL is in `store::ledger`, HTTP in the API; notifications are asked for in `query`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::query::CursorError;

/// How many rows a page of a ledger has where no limit is given.
pub const LIMIT_DEFAULT: u32 = 50;

/// Every reason that the ledger of losses knows.
pub const GAP_REASONS: [&str; 6] = [
    "before-first-poll",
    "diverged",
    "operator",
    "recreated",
    "retention",
    "retired",
];

/// A ledger that is read page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// `capture_gaps`: what is known to be missing.
    Gaps,
    /// `poll_runs`: the runs of the poller.
    Runs,
}

/// Which page of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerQuery {
    /// At most so many rows.
    pub limit: u32,
    /// Only rows older than this one.
    pub before: Option<i64>,
}

/// A page of a ledger, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPage<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; none at the end of the ledger.
    pub next: Option<LedgerCursor>,
}

impl<T> LedgerPage<T> {
    /// Of rows that were read with one more than `limit`, the page; `id` is a row's number.
    pub(crate) fn of(ledger: Ledger, mut rows: Vec<T>, limit: u32, id: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let end = rows.last().filter(|_| more);
        let next = end.map(|row| LedgerCursor::new(ledger, id(row)));
        Self { rows, next }
    }
}

const VERSION: u8 = 1;

/// A place in a ledger: version, 8 bytes of a hash of the ledger's name, number of a row. It carries
/// no authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerCursor([u8; 17]);

impl LedgerCursor {
    fn new(ledger: Ledger, id: i64) -> Self {
        let mut bytes = [0; 17];
        let parts = ledger.cursor_head().into_iter().chain(id.to_be_bytes());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        Self(bytes)
    }

    /// The number in a cursor that was made for `ledger`.
    pub fn parse(text: &str, ledger: Ledger) -> Result<i64, CursorError> {
        let (head, place) = split_cursor(text)?;
        let place = place.try_into().map_err(|_length| CursorError::Unknown)?;
        if head == ledger.cursor_head() {
            Ok(i64::from_be_bytes(place))
        } else {
            Err(CursorError::OtherList)
        }
    }
}

impl std::fmt::Display for LedgerCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl Ledger {
    fn cursor_head(self) -> [u8; 9] {
        cursor_head(match self {
            Self::Gaps => "ledger of gaps",
            Self::Runs => "ledger of runs",
        })
    }
}

/// How the cursors of a list begin.
fn cursor_head(list: &str) -> [u8; 9] {
    let mut head = [VERSION; 9];
    for (to, from) in head.iter_mut().skip(1).zip(Sha256::digest(list)) {
        *to = from;
    }
    head
}

/// How a cursor begins, and the place behind that.
fn split_cursor(text: &str) -> Result<([u8; 9], Vec<u8>), CursorError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_not_base64| CursorError::Unknown)?;
    let (head, place) = bytes
        .split_first_chunk::<9>()
        .filter(|(head, _)| head.first() == Some(&VERSION))
        .ok_or(CursorError::Unknown)?;
    Ok((*head, place.to_vec()))
}

/// How many topics a page has where no limit is given.
pub const TOPICS_DEFAULT: u32 = 500;
/// How long the name of a topic may be, bytes. Kafka's own limit.
const TOPIC_NAME_MAX: usize = 249;

/// Which page of the topics that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicQuery {
    /// At most so many topics.
    pub limit: u32,
    /// Only topics behind this one.
    pub after: Option<String>,
}

/// A place among the topics: version, 8 bytes of a hash that stands for that list, name of a topic. It
/// carries no authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCursor(Vec<u8>);

impl TopicCursor {
    /// The place behind `topic`.
    pub(crate) fn behind(topic: &str) -> Self {
        Self([&Self::head(), topic.as_bytes()].concat())
    }

    /// The topic in a cursor.
    pub fn parse(text: &str) -> Result<String, CursorError> {
        let (head, topic) = split_cursor(text)?;
        if head != Self::head() {
            return Err(CursorError::OtherList);
        }
        let topic = String::from_utf8(topic).map_err(|_not_utf8| CursorError::Unknown)?;
        if topic.is_empty() || topic.len() > TOPIC_NAME_MAX || topic.contains('\0') {
            return Err(CursorError::Unknown);
        }
        Ok(topic)
    }

    fn head() -> [u8; 9] {
        cursor_head("topics")
    }
}

impl std::fmt::Display for TopicCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Cursor, List};

    #[test]
    fn a_cursor_gives_its_number_back_for_its_own_ledger_only() {
        for id in [1, 500, i64::MAX] {
            let text = LedgerCursor::new(Ledger::Runs, id).to_string();
            assert_eq!(LedgerCursor::parse(&text, Ledger::Runs), Ok(id));
            let other = LedgerCursor::parse(&text, Ledger::Gaps);
            assert_eq!(other, Err(CursorError::OtherList));
            let list = List::of_order("o-1".to_owned());
            assert_eq!(Cursor::parse(&text, list.hash()), Err(CursorError::Unknown));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let whole = LedgerCursor::new(Ledger::Gaps, 7).to_string();
        let other_version = format!("B{}", whole.get(1..).unwrap());
        for text in ["", "7", "%%%", &format!("{whole}AAAA"), &other_version] {
            let parsed = LedgerCursor::parse(text, Ledger::Gaps);
            assert_eq!(parsed, Err(CursorError::Unknown), "{text}");
        }
    }

    #[test]
    fn a_cursor_of_topics_gives_its_topic_back_and_fits_no_other_list() {
        let text = TopicCursor::behind("orders.v1").to_string();
        assert_eq!(TopicCursor::parse(&text), Ok("orders.v1".to_owned()));
        for (other, of) in [(Ledger::Gaps, "gaps"), (Ledger::Runs, "runs")] {
            assert!(LedgerCursor::parse(&text, other).is_err(), "{of}");
            let text = LedgerCursor::new(other, 7).to_string();
            assert_eq!(TopicCursor::parse(&text), Err(CursorError::OtherList));
        }
        let long = "x".repeat(TOPIC_NAME_MAX + 1);
        for topic in ["", "or\0ders", &long] {
            let text = TopicCursor::behind(topic).to_string();
            assert_eq!(TopicCursor::parse(&text), Err(CursorError::Unknown));
        }
        let mut bytes = TopicCursor::behind("").0;
        bytes.push(0xFF);
        let text = TopicCursor(bytes).to_string();
        assert_eq!(TopicCursor::parse(&text), Err(CursorError::Unknown));
        assert_eq!(TopicCursor::parse("%%%"), Err(CursorError::Unknown));
    }

    #[test]
    fn a_page_ends_at_its_limit_and_knows_whether_more_follow() {
        let page = |rows: &[i64]| LedgerPage::of(Ledger::Gaps, rows.to_vec(), 2, |id| *id);
        assert_eq!(page(&[]).next, None);
        assert_eq!(page(&[9, 8]).next, None);
        let full = page(&[9, 8, 7]);
        assert_eq!(full.rows, [9, 8]);
        let next = full.next.unwrap().to_string();
        assert_eq!(LedgerCursor::parse(&next, Ledger::Gaps), Ok(8));
    }
}
