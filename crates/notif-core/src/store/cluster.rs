//! Which Kafka cluster is recorded, and an operator's word that it is another one from now on. The
//! first poll fixes it: `super::run`.

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};

use super::decision::{Decision, gap_insert_in_txn, generation_end_in_txn};
use super::resume::offset_renew_in_txn;
use super::{Session, StoreError, batch, run};
use crate::batch::{Gap, GapReason};
use crate::offset::NextOffset;
use crate::record::PartitionId;

#[derive(QueryableByName)]
struct Cluster {
    #[diesel(sql_type = Nullable<Text>)]
    cluster_id: Option<String>,
}

/// The cluster that is recorded; `None` before the first poll.
fn cluster_read(conn: &mut PgConnection) -> Result<Option<String>, StoreError> {
    let row: Cluster =
        diesel::sql_query("SELECT cluster_id FROM recorder_state").get_result(conn)?;
    Ok(row.cluster_id)
}

/// A watched partition in the new cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The partition.
    pub id: PartitionId,
    /// Its generation as the operator was shown it.
    pub generation: i32,
    /// Where its log begins there; the very beginning where it is not there, or was not answered for:
    /// the next poll sees.
    pub low: NextOffset,
    /// Its topic's id there.
    pub topic_id: Option<String>,
}

#[derive(QueryableByName, PartialEq, Eq)]
struct Watched {
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Integer)]
    partition: i32,
    #[diesel(sql_type = Integer)]
    generation: i32,
}

/// Records cluster `to` from now on, with a new generation of every watched partition, in one
/// transaction; `false`, and nothing is written, where the cluster is not `from` any more, or
/// `partitions` are not the watched ones with their generations.
///
/// Each old generation ends in the ledger, for what the old cluster had and was not read. What the new
/// one had deleted before it was first seen is no loss: `before-first-poll`. Offset rows are locked
/// before the row of the cluster, as in a write transaction, so the two never wait for each other in a
/// circle.
fn cluster_adopt(
    conn: &mut PgConnection,
    decision: &Decision,
    from: Option<&str>,
    to: &str,
    partitions: &[Adopted],
) -> Result<bool, StoreError> {
    run::sequences_heal(conn)?;
    batch::without_rows(conn, |conn| {
        let watched: Vec<Watched> = diesel::sql_query(
            "SELECT topic, partition, topic_generation AS generation FROM kafka_offsets \
             WHERE retired_at IS NULL ORDER BY topic, partition FOR UPDATE",
        )
        .load(conn)?;
        let is_as_shown = watched.len() == partitions.len()
            && watched.iter().all(|row| {
                partitions.iter().any(|shown| {
                    *shown.id.topic == *row.topic
                        && shown.id.partition == row.partition
                        && shown.generation == row.generation
                })
            });
        let row: Cluster = diesel::sql_query("SELECT cluster_id FROM recorder_state FOR UPDATE")
            .get_result(conn)?;
        if !is_as_shown || row.cluster_id.as_deref() != from {
            return Ok(false);
        }
        for adopted in partitions {
            partition_adopt_in_txn(conn, decision, adopted)?;
        }
        diesel::sql_query("UPDATE recorder_state SET cluster_id = $1")
            .bind::<Text, _>(to)
            .execute(conn)?;
        Ok(true)
    })
}

fn partition_adopt_in_txn(
    conn: &mut PgConnection,
    decision: &Decision,
    adopted: &Adopted,
) -> Result<(), StoreError> {
    let id = &adopted.id;
    generation_end_in_txn(conn, decision, id, "operator")?;
    let first = NextOffset::at(0);
    if adopted.low > first {
        let before = Gap {
            from: first,
            to: adopted.low,
            reason: GapReason::BeforeFirstPoll,
        };
        let generation = adopted.generation.saturating_add(1);
        gap_insert_in_txn(conn, decision, id, generation, &before)?;
    }
    offset_renew_in_txn(conn, id, adopted.low, adopted.topic_id.as_deref())
}

impl Session {
    /// The cluster that is recorded; `None` before the first poll.
    pub fn cluster_read(&mut self) -> Result<Option<String>, StoreError> {
        cluster_read(&mut self.0)
    }

    /// Records cluster `to` instead of `from`, with a new generation of every watched partition;
    /// `false` where anything is not what was shown any more.
    pub fn cluster_adopt(
        &mut self,
        decision: &Decision,
        from: Option<&str>,
        to: &str,
        partitions: &[Adopted],
    ) -> Result<bool, StoreError> {
        cluster_adopt(&mut self.0, decision, from, to, partitions)
    }
}
