//! Rows committed as the recorder commits them: a batch number, the rows, and last the place in the
//! order of commits.

use notif_testbed::TestDatabase;

use crate::rows::Row;

/// The number of the batch of this transaction.
pub(super) const BATCH: &str = "currval('batches_batch_id_seq')";

/// The beginning of a transaction, up to its last statements.
pub(super) fn begin(rows: &[Row]) -> String {
    let rows: String = rows
        .iter()
        .map(|row| row.clone().sql("batch_id", BATCH).insert())
        .collect();
    format!("BEGIN; SELECT nextval('batches_batch_id_seq'); {rows}")
}

/// The end of a transaction that wrote so many rows.
pub(super) fn end(rows: usize) -> String {
    format!(
        "WITH counter AS (UPDATE recorder_state SET commit_seq = commit_seq + 1 RETURNING commit_seq) \
         INSERT INTO batches (batch_id, commit_seq, committed_at, rows) \
         SELECT {BATCH}, commit_seq, clock_timestamp(), {rows} FROM counter; COMMIT;"
    )
}

/// Commits rows as one batch.
pub(super) fn commit(database: &TestDatabase, rows: &[Row]) {
    database
        .execute(&format!("{}{}", begin(rows), end(rows.len())))
        .unwrap();
}

/// Commits a row for each number, as one batch.
pub(super) fn commit_numbers(database: &TestDatabase, numbers: impl IntoIterator<Item = i64>) {
    let rows: Vec<Row> = numbers.into_iter().map(Row::new).collect();
    commit(database, &rows);
}

/// Commits `count` small rows at once, their numbers from `from` on.
pub(super) fn commit_many(database: &TestDatabase, from: i64, count: usize) {
    let rows = format!(
        "INSERT INTO notifications (notification_id, event, event_bytes, source_topic, event_type, \
         occurred_at, source_partition, source_offset, batch_id) \
         SELECT ('0193' || lpad(to_hex(n), 28, '0'))::uuid, '{{}}', 2, 'order_events', \
         'order.created', '2026-01-05T10:00:00Z', 1, n, {BATCH} \
         FROM generate_series({from}, {from} + {count} - 1) AS n;"
    );
    database
        .execute(&format!("{}{rows}{}", begin(&[]), end(count)))
        .unwrap();
}
