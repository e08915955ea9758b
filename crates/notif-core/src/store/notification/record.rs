//! A notification by where it came from: topic, partition, offset.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};

use super::super::{Read, StoreError, read};
use super::n;
use crate::notification::NotificationDetail;

/// The record at a position. Without a generation that of the partition's newest one, so that an
/// offset of a topic that was created again never means a record of its former life.
///
/// The newest generation is what the offset table says; where it knows nothing of the partition,
/// what was ever recorded of it; else its first.
pub fn record_get(
    topic: &str,
    partition: i32,
    offset: i64,
    generation: Option<i32>,
) -> Result<Read<NotificationDetail>, StoreError> {
    let position = n::notifications
        .filter(n::source_topic.eq(topic))
        .filter(n::source_partition.eq(partition))
        .filter(n::source_offset.eq(offset))
        .select(detail_columns!());
    if let Some(generation) = generation {
        return read::one(&position.filter(n::topic_generation.eq(generation)));
    }
    let newest =
        sql::<Integer>("COALESCE((SELECT topic_generation FROM kafka_offsets WHERE topic = ")
            .bind::<Text, _>(topic)
            .sql(" AND partition = ")
            .bind::<Integer, _>(partition)
            .sql("), (SELECT max(topic_generation) FROM recorded_ranges WHERE topic = ")
            .bind::<Text, _>(topic)
            .sql(" AND partition = ")
            .bind::<Integer, _>(partition)
            .sql("), 0)");
    read::one(&position.filter(n::topic_generation.eq(newest)))
}
