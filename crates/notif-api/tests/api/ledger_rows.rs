//! Rows of the ledgers as the recorder would have written them, written by SQL.

use crate::rows::literal;

/// A watched partition that is stored up to `stored`; `columns` are further columns with SQL
/// expressions.
pub(crate) fn partition(
    topic: &str,
    partition: i32,
    stored: i64,
    columns: &[(&str, &str)],
) -> String {
    let (names, values): (Vec<_>, Vec<_>) = columns.iter().copied().unzip();
    let (names, values) = (listed(&names), listed(&values));
    format!(
        "INSERT INTO kafka_offsets (topic, partition, \"offset\", updated_at, watched_at{names}) \
         VALUES ({}, {partition}, {stored}, '2026-01-05T10:00:00Z', '2026-01-01T00:00:00Z'{values});",
        literal(topic)
    )
}

/// A drained partition: everything up to this instant is stored.
pub(crate) fn drained(topic: &str, number: i32, through: &str) -> String {
    let columns = [
        ("end_offset", "100"),
        ("high_watermark", "100"),
        ("low_offset", "10"),
        ("drained_through", through),
    ];
    partition(topic, number, 99, &columns)
}

/// A run that began `minutes` ago; `columns` as above.
pub(crate) fn run(minutes: i64, columns: &[(&str, &str)]) -> String {
    let (names, values): (Vec<_>, Vec<_>) = columns.iter().copied().unzip();
    let (names, values) = (listed(&names), listed(&values));
    format!(
        "INSERT INTO poll_runs (started_at, deadline_at, host, version{names}) \
         SELECT c, c + interval '50 s', 'host-1', '0.1.0'{values} \
         FROM (SELECT clock_timestamp() - interval '{minutes} min' AS c) AS began;"
    )
}

/// The columns of a run that ended a second later.
pub(crate) fn ended<'a>(outcome: &'a str, code: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("ended_at", "c + interval '1 s'"),
        ("outcome", outcome),
        ("exit_code", code),
    ]
}

/// A loss of ten offsets of `orders/0`.
pub(crate) fn gap(reason: &str) -> String {
    format!(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, \
         reason, recorded_at, recorded_by) \
         VALUES ('orders', 0, 0, 42, 51, {}, '2026-01-05T10:00:00Z', 'notif-poll');",
        literal(reason)
    )
}

fn listed(items: &[&str]) -> String {
    items.iter().flat_map(|item| [", ", item]).collect()
}
