//! What is stored of single records, for the comparison of two logs (`crate::divergence`).

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};

use super::{Session, StoreError};
use crate::divergence::{Fingerprint, Lineage, Recording, StoredKey};
use crate::offset::NextOffset;
use crate::record::PartitionId;

/// What the record says of one offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// This record.
    Record(Fingerprint),
    /// There was no record: it lies in a range that was read, and none came.
    None,
    /// It is not known: it was lost, was pruned, or was never reached.
    Unknown,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    source_offset: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    value_sha256: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    message_key: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    kafka_timestamp_ms: Option<i64>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    timestamp_type: Option<i16>,
    #[diesel(sql_type = Bool)]
    redacted: bool,
}

impl From<Row> for Fingerprint {
    fn from(row: Row) -> Self {
        Self {
            offset: row.source_offset,
            sha256: row.value_sha256.and_then(|hash| hash.try_into().ok()),
            key: if row.redacted {
                StoredKey::Erased
            } else {
                StoredKey::Known(row.message_key)
            },
            timestamp_ms: row.kafka_timestamp_ms,
            timestamp_type: row.timestamp_type,
        }
    }
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = Bool)]
    read: bool,
}

/// What the record of a generation says of `offset`.
fn fingerprint_at(
    conn: &mut PgConnection,
    id: &PartitionId,
    generation: i32,
    offset: i64,
) -> Result<Recorded, StoreError> {
    let row: Option<Row> = diesel::sql_query(
        "SELECT source_offset, value_sha256, message_key, kafka_timestamp_ms, timestamp_type, \
         status = 'redacted' AS redacted FROM notifications \
         WHERE source_topic = $1 AND topic_generation = $2 AND source_partition = $3 \
         AND source_offset = $4",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(generation)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(offset)
    .get_result(conn)
    .optional()?;
    if let Some(row) = row {
        return Ok(Recorded::Record(row.into()));
    }
    let known: Known = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM recorded_ranges WHERE topic = $1 AND topic_generation = $2 \
           AND partition = $3 AND $4 >= first_offset AND $4 < next_offset) \
         AND NOT EXISTS (SELECT FROM prune_ledger WHERE topic = $1 AND topic_generation = $2 \
           AND partition = $3 AND $4 BETWEEN first_offset AND last_offset) AS read",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(generation)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(offset)
    .get_result(conn)?;
    Ok(if known.read {
        Recorded::None
    } else {
        Recorded::Unknown
    })
}

#[derive(QueryableByName)]
struct Offset {
    #[diesel(sql_type = BigInt)]
    source_offset: i64,
}

/// The first offset of a generation, at `from` or behind it, at which a record is stored.
fn fingerprint_offset_next(
    conn: &mut PgConnection,
    id: &PartitionId,
    generation: i32,
    from: NextOffset,
) -> Result<Option<NextOffset>, StoreError> {
    let row: Option<Offset> = diesel::sql_query(
        "SELECT source_offset FROM notifications \
         WHERE source_topic = $1 AND topic_generation = $2 AND source_partition = $3 \
         AND source_offset >= $4 ORDER BY source_offset LIMIT 1",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(generation)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(from.get())
    .get_result(conn)
    .optional()?;
    Ok(row.map(|row| NextOffset::at(row.source_offset)))
}

#[derive(QueryableByName)]
struct Generation {
    #[diesel(sql_type = Integer)]
    generation: i32,
    #[diesel(sql_type = BigInt)]
    first: i64,
}

/// The generations of a partition that go on from each other up to its present one, which reads on
/// at `next`. One goes on where the ledger ended the one before it as `diverged` or `retired`.
fn lineage_read(
    conn: &mut PgConnection,
    id: &PartitionId,
    generation: i32,
    next: NextOffset,
) -> Result<Lineage, StoreError> {
    let generations: Vec<Generation> = diesel::sql_query(
        "WITH known AS ( \
           SELECT topic_generation, first_offset FROM recorded_ranges \
             WHERE topic = $1 AND partition = $2 \
           UNION ALL SELECT topic_generation, first_offset FROM capture_gaps \
             WHERE topic = $1 AND partition = $2 \
           UNION ALL SELECT $3, $4) \
         SELECT topic_generation AS generation, min(first_offset) AS first FROM known \
         WHERE topic_generation >= (SELECT coalesce(max(topic_generation) + 1, 0) \
           FROM generate_series(0, $3 - 1) AS earlier(topic_generation) \
           WHERE NOT EXISTS (SELECT FROM capture_gaps g WHERE g.topic = $1 AND g.partition = $2 \
             AND g.topic_generation = earlier.topic_generation \
             AND g.last_offset IS NULL AND g.reason IN ('diverged', 'retired'))) \
         AND topic_generation <= $3 GROUP BY topic_generation ORDER BY topic_generation",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<Integer, _>(generation)
    .bind::<BigInt, _>(next.get())
    .load(conn)?;
    Ok(Lineage::new(
        generations
            .into_iter()
            .map(|row| Recording {
                generation: row.generation,
                first: NextOffset::at(row.first),
            })
            .collect(),
    ))
}

impl Session {
    /// The generations that recorded the log which is read now, the present one last.
    pub fn lineage_read(
        &mut self,
        id: &PartitionId,
        generation: i32,
        next: NextOffset,
    ) -> Result<Lineage, StoreError> {
        lineage_read(&mut self.0, id, generation, next)
    }

    /// What the record of a generation says of `offset`.
    pub fn fingerprint_at(
        &mut self,
        id: &PartitionId,
        generation: i32,
        offset: i64,
    ) -> Result<Recorded, StoreError> {
        fingerprint_at(&mut self.0, id, generation, offset)
    }

    /// The first offset of a generation, at `from` or behind it, at which a record is stored.
    pub fn fingerprint_offset_next(
        &mut self,
        id: &PartitionId,
        generation: i32,
        from: NextOffset,
    ) -> Result<Option<NextOffset>, StoreError> {
        fingerprint_offset_next(&mut self.0, id, generation, from)
    }
}
