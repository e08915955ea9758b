//! Stopping a partition: it stays so until an operator decides.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use super::StoreError;
use crate::stop::Stop;

/// Stops partitions. One that is stopped already keeps its first reason; one that another run has
/// moved since is judged anew by the next run.
pub fn partition_stop_in_txn(conn: &mut PgConnection, stops: &[Stop]) -> Result<(), StoreError> {
    for stop in stops {
        diesel::sql_query(
            "UPDATE kafka_offsets SET stopped_reason = $5, stopped_at = clock_timestamp(), \
             stopped_offset = $6, updated_at = clock_timestamp() \
             WHERE topic = $1 AND partition = $2 AND topic_generation = $3 AND \"offset\" = $4 \
             AND stopped_reason IS NULL AND retired_at IS NULL",
        )
        .bind::<Text, _>(&*stop.id.topic)
        .bind::<Integer, _>(stop.id.partition)
        .bind::<Integer, _>(stop.generation)
        .bind::<BigInt, _>(stop.last.get())
        .bind::<Text, _>(stop.reason.as_str())
        .bind::<BigInt, _>(stop.offset)
        .execute(conn)?;
    }
    Ok(())
}
