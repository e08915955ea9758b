//! What an operator decides, in the ledger of losses. What the poll finds is written in `super::gap`.
//!
//! No run tells of these rows by its exit code: who caused them knows. Each names the person and the
//! user of the database, and says why in the person's words.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use super::StoreError;
use crate::batch::Gap;
use crate::record::PartitionId;

/// Who decided, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The person, as the machine knows them; the database adds the user that it knows.
    pub by: String,
    /// In the person's words.
    pub reason: String,
}

/// Who wrote it, as the column holds it; `$n` is the person.
macro_rules! recorded_by {
    ($person:literal) => {
        concat!(
            "left(",
            $person,
            " || ' (database user ' || session_user || ')', 255)"
        )
    };
}

/// Writes down that these offsets of a generation are missing.
pub(super) fn gap_insert_in_txn(
    conn: &mut PgConnection,
    decision: &Decision,
    id: &PartitionId,
    generation: i32,
    gap: &Gap,
) -> Result<(), StoreError> {
    diesel::sql_query(concat!(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, \
         reason, recorded_by, note) VALUES ($1, $2, $3, $4, $5, $6, ",
        recorded_by!("$7"),
        ", $8)"
    ))
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<Integer, _>(generation)
    .bind::<BigInt, _>(gap.from.get())
    .bind::<BigInt, _>(gap.to.last_consumed().get())
    .bind::<Text, _>(gap.reason.as_str())
    .bind::<Text, _>(&decision.by)
    .bind::<Text, _>(&decision.reason)
    .execute(conn)?;
    Ok(())
}

/// Ends the present generation of a partition in the ledger: from the next offset on its records may be
/// missing, up to an end that nobody knows but for the one last seen.
pub(super) fn generation_end_in_txn(
    conn: &mut PgConnection,
    decision: &Decision,
    id: &PartitionId,
    reason: &str,
) -> Result<(), StoreError> {
    diesel::sql_query(concat!(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, known_end, \
         reason, recorded_by, note) \
         SELECT topic, partition, topic_generation, \"offset\" + 1, end_offset, $3, ",
        recorded_by!("$4"),
        ", $5 FROM kafka_offsets WHERE topic = $1 AND partition = $2"
    ))
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<Text, _>(reason)
    .bind::<Text, _>(&decision.by)
    .bind::<Text, _>(&decision.reason)
    .execute(conn)?;
    Ok(())
}
