//! The tail: rows in the order in which they became visible. Places in it, and the way along it.
//!
//! The order is that of commits, and of ids within one commit. `commit_seq` is taken under a lock that
//! is held until the commit is over (see [`crate::store::batch`]), so a reader who has seen a number
//! never finds a new row at or below it: to go on from a place is to skip no row and to see none twice.
//!
//! Here is what can be decided without asking anyone; the statements are in [`crate::store::tail`].

mod event_id;
mod front;
mod walk;

pub use event_id::EventIdError;
pub use front::Front;
pub use walk::{BATCHES_MAX, Lost, Piece, ROWS_BACK_MAX, RowRef, Walk};

use chrono::{DateTime, Utc};
use diesel::Queryable;
use uuid::Uuid;

/// A write transaction, as the tail sees it. The order of the fields is that of the columns that
/// `store::tail` selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Batch {
    /// The number that its rows name.
    pub batch_id: i64,
    /// Its place in the order of commits.
    pub commit_seq: i64,
    /// When it was about to commit.
    pub committed_at: DateTime<Utc>,
    /// How many rows it wrote.
    pub rows: i32,
}

/// A row of a batch, before it is read. The order of the fields is that of the columns that
/// `store::tail` selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct BatchRow {
    /// The batch that it came with.
    pub batch_id: i64,
    /// Its id.
    pub notification_id: Uuid,
    /// The length of its event as text, bytes.
    pub event_bytes: i32,
}

/// A place in the order of commits: right behind a row, or behind all rows of a batch.
///
/// It remembers when its batch was committed. After a restore the same number may be given to another
/// batch, and a reader who went on from there would miss what the numbers before it stand for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    commit_seq: i64,
    /// Microseconds since 1970, which is what PostgreSQL keeps; 0 where there is no batch.
    committed_at: i64,
    row: Uuid,
}

impl Place {
    /// Before everything.
    pub const BEGINNING: Self = Self::behind_nothing(0);

    /// Behind all rows of a batch.
    pub fn behind(batch: &Batch) -> Self {
        Self::behind_row(batch, BEHIND_ALL)
    }

    /// Behind everything up to a number whose batch is not kept any more: it wrote no row.
    pub const fn behind_nothing(commit_seq: i64) -> Self {
        Self {
            commit_seq,
            committed_at: 0,
            row: BEHIND_ALL,
        }
    }

    /// Right behind a row of a batch.
    pub fn behind_row(batch: &Batch, row: Uuid) -> Self {
        Self {
            commit_seq: batch.commit_seq,
            committed_at: batch.committed_at.timestamp_micros(),
            row,
        }
    }

    /// The number of its batch in the order of commits.
    pub fn commit_seq(&self) -> i64 {
        self.commit_seq
    }

    /// The row that it is right behind; none where it is behind all rows of its batch.
    pub fn row(&self) -> Option<Uuid> {
        (self.row != BEHIND_ALL).then_some(self.row)
    }

    /// Whether it is `other` or lies behind it.
    pub fn reaches(&self, other: &Self) -> bool {
        (self.commit_seq, self.row) >= (other.commit_seq, other.row)
    }

    /// Whether this is the batch that it lies in, and not another one with the same number.
    pub fn is_in(&self, batch: &Batch) -> bool {
        self.commit_seq == batch.commit_seq
            && self.committed_at == batch.committed_at.timestamp_micros()
    }
}

/// No row has this id: two bits of an id say that it is one.
const BEHIND_ALL: Uuid = Uuid::max();
