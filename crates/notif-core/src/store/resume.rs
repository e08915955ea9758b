//! An operator lets partitions go on: how the offset table and the ledger take that up. What is
//! written is decided in `crate::resume`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use super::decision::{Decision, gap_insert_in_txn, generation_end_in_txn};
use super::{Session, StoreError, batch, run};
use crate::offset::NextOffset;
use crate::record::PartitionId;
use crate::resume::{Resumption, Shown};

/// One partition that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The partition.
    pub id: PartitionId,
    /// What the operator was shown: the fence.
    pub shown: Shown,
    /// What is written.
    pub resumption: Resumption,
    /// The topic's id as Kafka gives it now; the stored one where it gives none.
    pub topic_id: Option<String>,
}

/// Writes all of them in one transaction; `false`, and nothing is written, where a row is not what the
/// operator was shown any more.
fn partition_resume(
    conn: &mut PgConnection,
    decision: &Decision,
    all: &[Resumed],
) -> Result<bool, StoreError> {
    run::sequences_heal(conn)?;
    batch::without_rows(conn, |conn| {
        // all rows are looked at before the first is changed: nothing has to be taken back
        for resumed in all {
            if !is_as_shown_in_txn(conn, resumed)? {
                return Ok(false);
            }
        }
        for resumed in all {
            partition_resume_in_txn(conn, decision, resumed)?;
        }
        Ok(true)
    })
}

fn partition_resume_in_txn(
    conn: &mut PgConnection,
    decision: &Decision,
    resumed: &Resumed,
) -> Result<(), StoreError> {
    let (id, shown) = (&resumed.id, &resumed.shown);
    match &resumed.resumption {
        Resumption::Retry => offset_reopen_in_txn(conn, id),
        Resumption::Forward { to, skipped } => {
            for gap in skipped {
                gap_insert_in_txn(conn, decision, id, shown.generation, gap)?;
            }
            offset_forward_in_txn(conn, id, *to)
        }
        Resumption::NewGeneration {
            begins,
            ends_as,
            skipped,
        } => {
            if let Some(reason) = ends_as {
                generation_end_in_txn(conn, decision, id, reason.as_str())?;
            }
            let generation = shown.generation.saturating_add(1);
            for gap in skipped {
                gap_insert_in_txn(conn, decision, id, generation, gap)?;
            }
            offset_renew_in_txn(conn, id, *begins, resumed.topic_id.as_deref())
        }
    }
}

#[derive(QueryableByName)]
struct AsShown {
    #[diesel(sql_type = Bool)]
    as_shown: bool,
}

/// Locks the row; is it still what was shown?
fn is_as_shown_in_txn(
    conn: &mut PgConnection,
    Resumed { id, shown, .. }: &Resumed,
) -> Result<bool, StoreError> {
    let row: Option<AsShown> = diesel::sql_query(
        "SELECT \"offset\" = $3 AND topic_generation = $4 \
           AND stopped_reason IS NOT DISTINCT FROM $5 AND (retired_at IS NOT NULL) = $6 AS as_shown \
         FROM kafka_offsets WHERE topic = $1 AND partition = $2 FOR UPDATE",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(shown.last.get())
    .bind::<Integer, _>(shown.generation)
    .bind::<Nullable<Text>, _>(&shown.stopped)
    .bind::<Bool, _>(shown.retired)
    .get_result(conn)
    .optional()?;
    Ok(row.is_some_and(|row| row.as_shown))
}

fn offset_reopen_in_txn(conn: &mut PgConnection, id: &PartitionId) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE kafka_offsets SET stopped_reason = NULL, stopped_at = NULL, stopped_offset = NULL \
         WHERE topic = $1 AND partition = $2",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .execute(conn)?;
    Ok(())
}

fn offset_forward_in_txn(
    conn: &mut PgConnection,
    id: &PartitionId,
    to: NextOffset,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE kafka_offsets SET \"offset\" = $3, updated_at = clock_timestamp(), \
         stopped_reason = NULL, stopped_at = NULL, stopped_offset = NULL \
         WHERE topic = $1 AND partition = $2",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(to.last_consumed().get())
    .execute(conn)?;
    Ok(())
}

/// Opens the next generation. What was seen of the old log is forgotten: the next poll sees for
/// itself.
pub(super) fn offset_renew_in_txn(
    conn: &mut PgConnection,
    id: &PartitionId,
    begins: NextOffset,
    topic_id: Option<&str>,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE kafka_offsets SET topic_generation = topic_generation + 1, \"offset\" = $3, \
         updated_at = clock_timestamp(), topic_id = $4, end_offset = NULL, \
         high_watermark = NULL, low_offset = NULL, end_moved_at = NULL, witness_offset = NULL, \
         witness_timestamp_ms = NULL, witness_sha256 = NULL, mark_at = NULL, mark_offset = NULL, \
         stopped_reason = NULL, stopped_at = NULL, stopped_offset = NULL, retired_at = NULL \
         WHERE topic = $1 AND partition = $2",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(begins.last_consumed().get())
    .bind::<Nullable<Text>, _>(topic_id)
    .execute(conn)?;
    Ok(())
}

impl Session {
    /// Lets stopped or retired partitions go on, all or none; `false` where one of them is not what
    /// was shown any more.
    pub fn partition_resume(
        &mut self,
        decision: &Decision,
        all: &[Resumed],
    ) -> Result<bool, StoreError> {
        partition_resume(&mut self.0, decision, all)
    }
}
