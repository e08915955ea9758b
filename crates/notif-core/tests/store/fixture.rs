//! A session, a run and slices to write.

use notif_core::batch::{Batch, PartitionSlice};
use notif_core::copy::RowBuffer;
use notif_core::decode::decode;
use notif_core::notification::NewNotification;
use notif_core::notification_id::PartitionHash;
use notif_core::offset::{LastConsumed, NextOffset};
use notif_core::record::{PartitionId, Record, RecordTime};
use notif_core::store::offset::FirstOffset;
use notif_core::store::{DatabaseUrl, Session};
use notif_core::witness::Witness;
use notif_testbed::{Postgres, TestDatabase};

pub(crate) fn database() -> TestDatabase {
    Postgres::shared().create_database().unwrap()
}

pub(crate) fn session(database: &TestDatabase) -> Session {
    Session::connect(&DatabaseUrl::parse(&database.url()).unwrap(), "test").unwrap()
}

pub(crate) fn begin(session: &mut Session) -> i64 {
    session.run_begin(60.0, "host", "0.1.0").unwrap().run_id
}

/// Watches partitions of topic `t` from offset 0.
pub(crate) fn watch(session: &mut Session, run_id: i64, partitions: &[i32]) {
    let firsts: Vec<FirstOffset> = partitions
        .iter()
        .map(|partition| FirstOffset {
            id: PartitionId::new("t", *partition),
            low: NextOffset::at(0),
            topic_id: None,
            gap: None,
        })
        .collect();
    session.offset_insert_first(run_id, &firsts).unwrap();
}

pub(crate) fn record(partition: i32, offset: i64, value: &[u8]) -> Record {
    Record {
        partition: PartitionId::new("t", partition),
        offset,
        time: RecordTime::Create(1_772_366_400_000),
        key: Some(vec![0, 255]),
        headers: Vec::new(),
        value: Some(value.to_vec()),
    }
}

pub(crate) fn row(record: Record, generation: i32) -> NewNotification {
    let hash = PartitionHash::new(
        &record.partition.topic,
        generation,
        record.partition.partition,
    );
    let event = decode(&record);
    let recorded_at = "2026-11-25T12:00:00.123456Z".parse().unwrap();
    NewNotification::from_record(record, event, generation, hash, recorded_at)
}

/// Rows at `offsets` of a partition of topic `t`, the stored offset expected to lie right before.
pub(crate) fn slice(partition: i32, offsets: std::ops::Range<i64>) -> PartitionSlice {
    let id = PartitionId::new("t", partition);
    let expected = LastConsumed::new(offsets.start.strict_sub(1));
    let mut slice = PartitionSlice::new(id, 0, expected);
    slice.reached = NextOffset::at(offsets.end);
    slice.rows = RowBuffer::default();
    for offset in offsets {
        let row = row(record(partition, offset, br#"{"type":"t"}"#), 0);
        slice.rows.push(&row);
        slice.value_bytes = slice.value_bytes.strict_add(12);
        slice.witness = Some(Witness {
            offset,
            timestamp_ms: Some(1),
            sha256: row.value_sha256,
        });
    }
    slice
}

pub(crate) fn batch(slices: impl IntoIterator<Item = PartitionSlice>) -> Batch {
    Batch {
        slices: slices.into_iter().collect(),
    }
}
