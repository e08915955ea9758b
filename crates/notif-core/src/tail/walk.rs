//! The way along the tail, in steps that are bounded whatever lies ahead.
//!
//! 1. [`Walk::look`]: the batches from the place on, at most [`BATCHES_MAX`].
//! 2. [`Walk::next_batches`]: some of them, at most [`OPEN_ROWS_MAX`] rows or one batch, whose rows
//!    (without their events) are put in order by [`Walk::open`].
//! 3. [`Walk::piece`]: as many of those rows as may be read at once, at most [`PIECE_ROWS_MAX`], and
//!    1 MiB of events or one row. [`Walk::pass`] moves the place behind them.

use std::collections::{HashMap, VecDeque};

use uuid::Uuid;

use super::{Batch, BatchRow, Place};

/// Whoever has more rows ahead does not catch up row by row.
pub const ROWS_BACK_MAX: i64 = 100_000;
/// How many batches are asked for at once.
pub const BATCHES_MAX: i64 = 1_000;
const OPEN_ROWS_MAX: i64 = 2_000;
const PIECE_ROWS_MAX: usize = 500;
const PIECE_EVENT_BYTES: i64 = 1024 * 1024;

/// Why the way does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// What is stored is not what was: the database is that of a backup, or of another server.
    #[error("the order of commits is not the one that was followed")]
    OtherHistory,
    /// More lies ahead than is followed row by row.
    #[error("more than {ROWS_BACK_MAX} rows lie ahead")]
    TooFar,
}

/// A row that lies ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef {
    /// The place right behind it.
    pub place: Place,
    /// Its id.
    pub id: Uuid,
    event_bytes: i32,
}

/// Rows to be read at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The rows, in order.
    pub rows: Vec<RowRef>,
    /// The place behind them.
    pub end: Place,
}

/// Where a reader is, and what is known of what lies ahead.
#[derive(Debug, Clone)]
pub struct Walk {
    place: Place,
    /// Batches whose rows are not known yet.
    ahead: VecDeque<Batch>,
    /// The rows of the batches that were opened.
    rows: VecDeque<RowRef>,
    /// The place behind the batches that were opened.
    opened_to: Place,
}

impl Walk {
    /// The way on from a place.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            ahead: VecDeque::new(),
            rows: VecDeque::new(),
            opened_to: place,
        }
    }

    /// All before it is passed.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Takes note of `batches`: those with the number of [`Self::place`] and beyond, in their order.
    /// Only where all that was known is passed.
    pub fn look(&mut self, batches: &[Batch]) -> Result<(), Lost> {
        let (own, further) = match batches.split_first() {
            Some((first, further)) if first.commit_seq == self.place.commit_seq => {
                (Some(first), further)
            }
            // a batch that wrote no row is not kept for ever, and nothing is missing without it
            _ => (None, batches),
        };
        if own.is_some_and(|own| !self.place.is_in(own)) {
            return Err(Lost::OtherHistory);
        }
        let begun = own.filter(|_| self.place.row().is_some());
        self.ahead = begun.into_iter().chain(further).copied().collect();
        // of one that is begun not all lies ahead: that is known once it is open
        let whole = further.iter().map(|batch| i64::from(batch.rows));
        let largest = self.ahead.iter().map(|batch| i64::from(batch.rows)).max();
        if whole.sum::<i64>().max(largest.unwrap_or(0)) > ROWS_BACK_MAX {
            return Err(Lost::TooFar);
        }
        Ok(())
    }

    /// The batches to open next; none where all that is known is open.
    pub fn next_batches(&self) -> Vec<i64> {
        let ids = self.opening().map(|batch| batch.batch_id);
        ids.collect()
    }

    fn opening(&self) -> impl Iterator<Item = &Batch> {
        let mut rows = 0_i64;
        self.ahead.iter().take_while(move |batch| {
            let first = rows == 0;
            rows = rows.saturating_add(i64::from(batch.rows));
            first || rows <= OPEN_ROWS_MAX
        })
    }

    /// Takes note of the rows of [`Self::next_batches`], in whatever order; fewer than the batches
    /// wrote where some were removed since.
    pub fn open(&mut self, rows: Vec<BatchRow>) {
        let count = self.opening().count();
        let opened: Vec<Batch> = self.ahead.drain(..count).collect();
        let Some(last) = opened.last() else { return };
        self.opened_to = Place::behind(last);
        let by_id: HashMap<i64, &Batch> = opened.iter().map(|b| (b.batch_id, b)).collect();
        let ahead = rows.into_iter().filter_map(|row| {
            Some(RowRef {
                place: Place::behind_row(by_id.get(&row.batch_id)?, row.notification_id),
                id: row.notification_id,
                event_bytes: row.event_bytes,
            })
        });
        let mut ahead: Vec<RowRef> = ahead
            .filter(|row| !self.place.reaches(&row.place))
            .collect();
        ahead.sort_unstable_by_key(|row| (row.place.commit_seq, row.id));
        self.rows = ahead.into();
        if self.rows.is_empty() {
            self.place = self.opened_to;
        }
    }

    /// How many rows of the batch that is begun lie ahead, once it is open.
    pub fn rest_of_batch(&self) -> i64 {
        let seq = self.place.commit_seq;
        let rest = self
            .rows
            .iter()
            .take_while(|row| row.place.commit_seq == seq);
        i64::try_from(rest.count()).unwrap_or(i64::MAX)
    }

    /// The rows to be read next; none where no batch is open.
    pub fn piece(&self) -> Option<Piece> {
        let mut bytes = 0_i64;
        let rows = self.rows.iter().take(PIECE_ROWS_MAX).take_while(|row| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(i64::from(row.event_bytes).max(1));
            // a row is read however large it is: there is no way past it
            first || bytes <= PIECE_EVENT_BYTES
        });
        let rows: Vec<RowRef> = rows.copied().collect();
        let last = rows.last()?;
        let end = if rows.len() == self.rows.len() {
            self.opened_to
        } else {
            last.place
        };
        Some(Piece { rows, end })
    }

    /// Moves behind a piece, which is the one that [`Self::piece`] gives.
    pub fn pass(&mut self, piece: &Piece) {
        let passed = piece.rows.len().min(self.rows.len());
        self.rows.drain(..passed);
        self.place = piece.end;
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers of a test are small"
)]
mod tests;
