//! Write transactions: do they have the rows that they say, and is their order one?

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use super::Audit;
use crate::store::StoreError;

/// A batch whose rows are not as many as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct BatchCount {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub batch_id: i64,
    /// How many it says; none where no batch tells of the rows.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub said: Option<i64>,
    /// How many there are.
    #[diesel(sql_type = BigInt)]
    pub rows: i64,
}

/// What is to be known of the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct CommitOrder {
    /// How many batches there are.
    #[diesel(sql_type = BigInt)]
    pub batches: i64,
    /// How many of them share a number with another.
    #[diesel(sql_type = BigInt)]
    pub doubled: i64,
    /// The last number that a batch has.
    #[diesel(sql_type = BigInt)]
    pub last: i64,
    /// The last number that was given out.
    #[diesel(sql_type = BigInt)]
    pub counter: i64,
    /// How many rows retention removed, in all: they are missing from batches that nobody can name.
    #[diesel(sql_type = BigInt)]
    pub pruned: i64,
}

impl Audit {
    /// The batches whose rows are not as many as they say, and rows without a batch; one at a time.
    pub fn batch_list_miscounted(
        &mut self,
    ) -> Result<impl Iterator<Item = Result<BatchCount, StoreError>>, StoreError> {
        let rows = diesel::sql_query(
            "SELECT coalesce(b.batch_id, n.batch_id) AS batch_id, b.rows::bigint AS said, \
               coalesce(n.rows, 0) AS rows \
             FROM batches b FULL JOIN ( \
               SELECT batch_id, count(*) AS rows FROM notifications GROUP BY batch_id) n \
             ON b.batch_id = n.batch_id \
             WHERE b.rows IS NULL OR b.rows <> coalesce(n.rows, 0)",
        )
        .load_iter::<BatchCount, PgRowByRowLoadingMode>(&mut self.conn)?;
        Ok(rows.map(|row| row.map_err(StoreError::from)))
    }

    /// The order of commits.
    pub fn commit_order(&mut self) -> Result<CommitOrder, StoreError> {
        Ok(diesel::sql_query(
            "SELECT count(*) AS batches, coalesce(sum(n) FILTER (WHERE n > 1), 0)::bigint AS doubled, \
               coalesce(max(commit_seq), 0) AS last, \
               (SELECT commit_seq FROM recorder_state) AS counter, \
               (SELECT coalesce(sum(rows), 0)::bigint FROM prune_ledger) AS pruned \
             FROM (SELECT commit_seq, count(*) AS n FROM batches GROUP BY commit_seq) AS numbers",
        )
        .get_result(&mut self.conn)?)
    }
}
