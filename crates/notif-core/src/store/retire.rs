//! An operator ends the watch of partitions: they are read no more, and count no more for freshness and
//! exit codes.

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text};

use super::decision::{Decision, generation_end_in_txn};
use super::{Session, StoreError, batch, offset, run};
use crate::record::PartitionId;

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Integer)]
    partition: i32,
}

/// Ends the watch of those of `partitions` that are watched; which ones.
///
/// What the ledger says is of the moment of the lock: a poll that is reading has moved the offset before
/// it, or finds the watch ended and leaves the partition alone.
fn partition_retire(
    conn: &mut PgConnection,
    decision: &Decision,
    partitions: &[PartitionId],
) -> Result<Vec<PartitionId>, StoreError> {
    run::sequences_heal(conn)?;
    batch::without_rows(conn, |conn| {
        let (topics, numbers) = offset::columns(partitions.iter());
        let locked: Vec<Locked> = diesel::sql_query(
            "SELECT topic, partition FROM kafka_offsets \
             WHERE (topic, partition) IN (SELECT * FROM unnest($1, $2)) AND retired_at IS NULL \
             ORDER BY topic, partition FOR UPDATE",
        )
        .bind::<Array<Text>, _>(topics)
        .bind::<Array<Integer>, _>(numbers)
        .load(conn)?;
        let mut retired = Vec::new();
        for row in locked {
            let id = PartitionId::new(row.topic, row.partition);
            generation_end_in_txn(conn, decision, &id, "retired")?;
            diesel::sql_query(
                "UPDATE kafka_offsets SET retired_at = clock_timestamp() \
                 WHERE topic = $1 AND partition = $2",
            )
            .bind::<Text, _>(&*id.topic)
            .bind::<Integer, _>(id.partition)
            .execute(conn)?;
            retired.push(id);
        }
        Ok(retired)
    })
}

impl Session {
    /// Ends the watch of those of `partitions` that are watched; which ones.
    pub fn partition_retire(
        &mut self,
        decision: &Decision,
        partitions: &[PartitionId],
    ) -> Result<Vec<PartitionId>, StoreError> {
        partition_retire(&mut self.0, decision, partitions)
    }
}
