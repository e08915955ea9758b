//! One batch, one transaction: promise 1.
//!
//! Rows, offsets, recorded ranges and losses of a batch become visible together or not at all, so a
//! run may be killed anywhere:
//!
//! * before COMMIT reaches the server: nothing happened, the next run starts at the same offset and
//!   reads the same records again;
//! * after it, answered or not: everything happened, the next run starts behind it.
//!
//! Two runs over the same partition cannot both write a record, because of the *fence*: the offset
//! row is locked first, and the slice is written only if the row still says what it said when the
//! reading began. Whoever comes second waits for the lock, then finds another offset, and leaves the
//! partition to the other (out of the batch, out of the run). Locks are taken in the order (topic,
//! partition), so two batches never wait for each other in a circle; the counter row comes last of
//! all (see [`super::batch`]).
//!
//! The unique key on (topic, generation, partition, offset) is not part of the argument. It is an
//! alarm: with the fence in place nothing can ever violate it, so nothing swallows a violation.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::pg::CopyFormat;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

use super::{StoreError, batch, gap, offset};
use crate::batch::{Batch, PartitionSlice};
use crate::copy;
use crate::record::PartitionId;
use crate::schema::notifications as n;
use crate::{fault_point, mutated};

/// Writes a batch; the partitions that another run is at, of which nothing was written.
///
/// Their slices leave the batch: what it holds afterwards is what was written. An error leaves
/// everything in the database as it was, but for one case: where the connection breaks during
/// COMMIT, it may have happened. Both are the same to the caller, who must not go on with offsets
/// that it remembers.
pub fn batch_commit(
    conn: &mut PgConnection,
    run_id: i64,
    batch: &mut Batch,
) -> Result<Vec<PartitionId>, StoreError> {
    fault_point!("before-batch");
    batch::begin(conn)?;
    match batch_write_in_txn(conn, run_id, batch) {
        Ok((fenced, Some(batch_id))) => {
            fault_point!("before-commit");
            let committed = batch::commit(conn, batch_id, Some(run_id), batch.rows());
            if committed.is_err() {
                batch::rollback(conn);
            }
            committed.map(|()| fenced)
        }
        Ok((fenced, None)) => {
            batch::rollback(conn);
            Ok(fenced)
        }
        Err(error) => {
            batch::rollback(conn);
            Err(error)
        }
    }
}

/// Everything but the end of the transaction; the partitions that failed the fence, and the batch's
/// number, where anything is left to write.
fn batch_write_in_txn(
    conn: &mut PgConnection,
    run_id: i64,
    batch: &mut Batch,
) -> Result<(Vec<PartitionId>, Option<i64>), StoreError> {
    let batch_id = batch::batch_id_take_in_txn(conn)?;
    let fenced = fence_in_txn(conn, batch)?;
    if batch.slices.is_empty() {
        return Ok((fenced, None));
    }
    for slice in &mut batch.slices {
        if let Some(lost) = &slice.gap {
            let generation = slice.generation;
            gap::gap_insert_in_txn(conn, run_id, Some(batch_id), &slice.id, generation, lost)?;
        }
        slice.rows.set_batch_id(batch_id);
    }
    rows_copy_in_txn(conn, &batch.slices)?;
    if mutated!("offsets-in-a-second-transaction") {
        conn.batch_execute("COMMIT; BEGIN")?;
    }
    offset_advance_in_txn(conn, &batch.slices)?;
    range_extend_in_txn(conn, &batch.slices)?;
    Ok((fenced, Some(batch_id)))
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Integer)]
    partition: i32,
    #[diesel(sql_type = BigInt)]
    last: i64,
    #[diesel(sql_type = Integer)]
    topic_generation: i32,
    #[diesel(sql_type = Bool)]
    open: bool,
}

/// Locks the offset rows and keeps the slices whose row still is what the reading started from; the
/// partitions of the others.
fn fence_in_txn(
    conn: &mut PgConnection,
    batch: &mut Batch,
) -> Result<Vec<PartitionId>, StoreError> {
    let (topics, partitions) = offset::columns(batch.slices.iter().map(|slice| &slice.id));
    let locked: Vec<Locked> = diesel::sql_query(
        "SELECT topic, partition, \"offset\" AS last, topic_generation, \
                stopped_reason IS NULL AND retired_at IS NULL AS open \
         FROM kafka_offsets \
         WHERE (topic, partition) IN (SELECT * FROM unnest($1, $2)) \
         ORDER BY topic, partition FOR UPDATE",
    )
    .bind::<Array<Text>, _>(topics)
    .bind::<Array<Integer>, _>(partitions)
    .load(conn)?;
    let locked: BTreeMap<PartitionId, Locked> = locked
        .into_iter()
        .map(|row| (PartitionId::new(row.topic.as_str(), row.partition), row))
        .collect();
    let holds = |slice: &PartitionSlice| {
        mutated!("no-fence")
            || locked.get(&slice.id).is_some_and(|row| {
                row.open
                    && row.last == slice.expected.get()
                    && row.topic_generation == slice.generation
            })
    };
    let (kept, fenced): (Vec<_>, Vec<_>) = std::mem::take(&mut batch.slices)
        .into_iter()
        .partition(holds);
    batch.slices = kept;
    Ok(fenced.into_iter().map(|slice| slice.id).collect())
}

/// A failure inside the COPY callback.
#[derive(Debug, thiserror::Error)]
enum CopyError {
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    #[error("the connection broke while rows were sent: {0}")]
    Io(#[from] std::io::Error),
}

impl From<CopyError> for StoreError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Database(error) => error.into(),
            CopyError::Io(error) => Self::Unreachable(error.to_string()),
        }
    }
}

/// Sends the rows. The columns stand in the order of [`copy::RowBuffer::push`].
fn rows_copy_in_txn(conn: &mut PgConnection, slices: &[PartitionSlice]) -> Result<(), StoreError> {
    if slices.iter().all(|slice| slice.rows.is_empty()) {
        return Ok(());
    }
    let columns = (
        n::notification_id,
        n::customer_id,
        n::runner_id,
        n::order_id,
        n::event,
        n::status,
        n::created_at,
        n::source_topic,
        n::event_type,
        n::correlation_id,
        n::source_service,
        n::occurred_at,
        n::kafka_timestamp_ms,
        n::timestamp_type,
        n::source_partition,
        n::source_offset,
        n::topic_generation,
        n::message_key,
        n::headers,
        n::raw,
        n::raw_reason,
        n::value_bytes,
        n::value_sha256,
        n::event_bytes,
        n::batch_id,
    );
    diesel::copy_from(n::table)
        .from_raw_data(columns, |out| -> Result<(), CopyError> {
            out.write_all(copy::HEADER)?;
            for slice in slices {
                // libpq buffers what it is given: in pieces, a huge batch is not held twice
                for piece in slice.rows.as_bytes().chunks(COPY_PIECE_BYTES) {
                    out.write_all(piece)?;
                }
            }
            out.write_all(copy::TRAILER)?;
            Ok(())
        })
        .with_format(CopyFormat::Binary)
        .execute(conn)?;
    Ok(())
}

const COPY_PIECE_BYTES: usize = 256 * 1024;

fn offset_advance_in_txn(
    conn: &mut PgConnection,
    slices: &[PartitionSlice],
) -> Result<(), StoreError> {
    let (topics, partitions) = offset::columns(slices.iter().map(|slice| &slice.id));
    diesel::sql_query(
        "UPDATE kafka_offsets o SET \"offset\" = n.last, updated_at = clock_timestamp(), \
         records = o.records + n.records, unparseable = o.unparseable + n.unparseable, \
         witness_offset = coalesce(n.witness_offset, o.witness_offset), \
         witness_timestamp_ms = CASE WHEN n.witness_offset IS NULL \
             THEN o.witness_timestamp_ms ELSE n.witness_timestamp_ms END, \
         witness_sha256 = CASE WHEN n.witness_offset IS NULL \
             THEN o.witness_sha256 ELSE n.witness_sha256 END \
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS n(topic, partition, last, records, \
              unparseable, witness_offset, witness_timestamp_ms, witness_sha256) \
         WHERE o.topic = n.topic AND o.partition = n.partition",
    )
    .bind::<Array<Text>, _>(topics)
    .bind::<Array<Integer>, _>(partitions)
    .bind::<Array<BigInt>, _>(
        slices
            .iter()
            .map(|s| s.reached.last_consumed().get())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<BigInt>, _>(slices.iter().map(records).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(slices.iter().map(|s| s.unparseable).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(
        slices
            .iter()
            .map(|s| s.witness.map(|w| w.offset))
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<BigInt>>, _>(
        slices
            .iter()
            .map(|s| s.witness.and_then(|w| w.timestamp_ms))
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<diesel::sql_types::Binary>>, _>(
        slices
            .iter()
            .map(|s| s.witness.and_then(|w| w.sha256).map(|hash| hash.to_vec()))
            .collect::<Vec<_>>(),
    )
    .execute(conn)?;
    Ok(())
}

/// Extends the newest recorded range of each partition where it ends right here and is less than an
/// hour old; opens a new one otherwise. Ranges of an hour keep a mistake that `verify` finds small.
fn range_extend_in_txn(
    conn: &mut PgConnection,
    slices: &[PartitionSlice],
) -> Result<(), StoreError> {
    let read: Vec<&PartitionSlice> = slices
        .iter()
        .filter(|slice| slice.reached > slice.read_from())
        .collect();
    if read.is_empty() {
        return Ok(());
    }
    let (topics, partitions) = offset::columns(read.iter().map(|slice| &slice.id));
    diesel::sql_query(
        "WITH n AS (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) AS n(topic, partition, \
              generation, read_from, next_offset, records, bytes)), \
         extended AS (UPDATE recorded_ranges r SET next_offset = n.next_offset, \
              records = r.records + n.records, bytes = r.bytes + n.bytes FROM n \
              WHERE r.topic = n.topic AND r.partition = n.partition \
              AND r.topic_generation = n.generation AND r.next_offset = n.read_from \
              AND r.first_offset = (SELECT max(newest.first_offset) FROM recorded_ranges newest \
                  WHERE newest.topic = n.topic AND newest.partition = n.partition \
                  AND newest.topic_generation = n.generation) \
              AND r.opened_at > now() - interval '1 hour' \
              RETURNING r.topic, r.partition) \
         INSERT INTO recorded_ranges (topic, partition, topic_generation, first_offset, \
              next_offset, records, bytes) \
         SELECT n.topic, n.partition, n.generation, n.read_from, n.next_offset, n.records, \
              n.bytes FROM n \
         WHERE NOT EXISTS (SELECT FROM extended e \
              WHERE e.topic = n.topic AND e.partition = n.partition)",
    )
    .bind::<Array<Text>, _>(topics)
    .bind::<Array<Integer>, _>(partitions)
    .bind::<Array<Integer>, _>(read.iter().map(|s| s.generation).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(read.iter().map(|s| s.read_from().get()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(read.iter().map(|s| s.reached.get()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(read.iter().map(|s| records(s)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(read.iter().map(|s| s.value_bytes).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

fn records(slice: &PartitionSlice) -> i64 {
    i64::try_from(slice.rows.rows()).unwrap_or(i64::MAX)
}
