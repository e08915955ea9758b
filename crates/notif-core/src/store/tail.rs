//! Reading in the order of commits: the statements of [`crate::tail`]. Each goes by one index and
//! reads a bounded number of rows.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

use super::notification::columns;
use super::{Read, StoreError, read};
use crate::notification::Notification;
use crate::schema::batches::dsl as b;
use crate::schema::notifications::dsl as n;
use crate::schema::recorder_state::dsl as s;
use crate::tail::{Batch, BatchRow, ROWS_BACK_MAX};

/// The number of the last commit; 0 before the first one.
pub fn newest_commit() -> Result<Read<i64>, StoreError> {
    let counter = s::recorder_state
        .filter(s::singleton.eq(true))
        .select(s::commit_seq);
    read::one(&counter)
}

/// Batches with the number `commit_seq` and beyond, in their order.
pub fn batches_from(commit_seq: i64, limit: i64) -> Result<Read<Vec<Batch>>, StoreError> {
    if crate::mutated!("api-tail-by-id") {
        // by the number that a transaction takes at its beginning
        let batches = b::batches
            .filter(b::batch_id.ge(commit_seq))
            .order(b::batch_id.asc())
            .select((b::batch_id, b::batch_id, b::committed_at, b::rows))
            .limit(limit);
        return read::all(&batches);
    }
    let batches = b::batches
        .filter(b::commit_seq.ge(commit_seq))
        .order(b::commit_seq.asc())
        .select((b::batch_id, b::commit_seq, b::committed_at, b::rows))
        .limit(limit);
    read::all(&batches)
}

/// The batch that a notification came with; none where one of them is not there.
pub fn batch_of(notification_id: Uuid) -> Result<Read<Option<Batch>>, StoreError> {
    let batch_id = n::notifications
        .filter(n::notification_id.eq(notification_id))
        .select(n::batch_id)
        .single_value();
    let batch = b::batches
        .filter(b::batch_id.nullable().eq(batch_id))
        .select((b::batch_id, b::commit_seq, b::committed_at, b::rows));
    let found = read::all(&batch)?;
    Ok(found.and_then(|batches| Ok(batches.into_iter().next())))
}

/// How many rows the batches beyond `commit_seq` wrote, counted up to some number above
/// [`ROWS_BACK_MAX`].
pub fn rows_beyond(commit_seq: i64) -> Result<Read<i64>, StoreError> {
    // each batch that is looked at has a row at least
    let rows = diesel::sql_query(
        "SELECT coalesce(sum(rows), 0)::bigint AS rows FROM (SELECT rows FROM batches \
         WHERE commit_seq > $1 AND rows > 0 ORDER BY commit_seq LIMIT $2) AS beyond",
    )
    .bind::<BigInt, _>(commit_seq)
    .bind::<BigInt, _>(ROWS_BACK_MAX.saturating_add(1));
    let rows = read::one::<_, RowCount, _>(&rows)?;
    Ok(rows.and_then(|counted| Ok(counted.rows)))
}

#[derive(QueryableByName)]
struct RowCount {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// The rows of some batches, without what they hold and in no order.
pub fn batch_rows(batch_ids: &[i64]) -> Result<Read<Vec<BatchRow>>, StoreError> {
    let rows = n::notifications
        .filter(n::batch_id.eq_any(batch_ids))
        .select((n::batch_id, n::notification_id, n::event_bytes));
    read::all(&rows)
}

/// Some notifications, in no order, their events left out: an `event` that is large lies outside its
/// row, and costs nothing as long as it is not looked at.
pub fn notifications_without_events(ids: &[Uuid]) -> Result<Read<Vec<Notification>>, StoreError> {
    let rows = n::notifications
        .filter(n::notification_id.eq_any(ids))
        .select(columns!("".into_sql::<Text>()));
    read::all(&rows)
}

/// Some notifications, in no order.
pub fn notifications(ids: &[Uuid]) -> Result<Read<Vec<Notification>>, StoreError> {
    let rows = n::notifications
        .filter(n::notification_id.eq_any(ids))
        .select(columns!(n::event.cast::<Text>()));
    read::all(&rows)
}

#[cfg(test)]
mod plan_tests;
