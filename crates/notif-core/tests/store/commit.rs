//! One batch, one fenced transaction.

use notif_core::batch::{Gap, GapReason};
use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use notif_core::store::StoreError;

use crate::fixture::{batch, begin, database, session, slice, watch};

#[test]
fn rows_offset_range_and_batch_become_visible_together() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0, 1]);
    let fenced = session
        .batch_commit(run, &mut batch([slice(1, 0..3), slice(0, 0..2)]))
        .unwrap();
    assert!(fenced.is_empty());
    let rows = database
        .rows(
            "SELECT k.partition, k.\"offset\", k.records, r.first_offset, r.next_offset, \
             r.records AS ranged, r.bytes, b.rows, b.commit_seq, b.run_id = 1 AS own, \
             k.witness_offset, \
             (SELECT count(*) FROM notifications n WHERE n.batch_id = b.batch_id \
              AND n.source_partition = k.partition) AS written \
             FROM kafka_offsets k JOIN recorded_ranges r USING (topic, partition), batches b ORDER BY 1",
        )
        .unwrap();
    insta::assert_json_snapshot!(rows);
}

#[test]
fn a_slice_whose_offset_has_moved_is_left_to_the_other_run_and_the_rest_is_written() {
    let database = database();
    let (mut one, mut other) = (session(&database), session(&database));
    let run = begin(&mut one);
    watch(&mut one, run, &[0, 1]);
    other
        .batch_commit(run, &mut batch([slice(0, 0..5)]))
        .unwrap();
    let mut both = batch([slice(0, 0..3), slice(1, 0..3)]);
    let fenced = one.batch_commit(run, &mut both).unwrap();
    assert_eq!(fenced, [PartitionId::new("t", 0)]);
    assert_eq!(
        both.slices.len(),
        1,
        "what was not written is not in the batch any more"
    );
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        8
    );
    // nothing left to write: no row of batches either
    let fenced = one.batch_commit(run, &mut batch([slice(0, 0..3)])).unwrap();
    assert_eq!(fenced.len(), 1);
    assert_eq!(database.number("SELECT count(*) FROM batches").unwrap(), 2);
}

#[test]
fn the_fence_holds_against_another_generation_a_stop_and_a_retirement() {
    for change in [
        "topic_generation = 1",
        "stopped_reason = 'diverged'",
        "retired_at = now()",
    ] {
        let database = database();
        let mut session = session(&database);
        let run = begin(&mut session);
        watch(&mut session, run, &[0]);
        database
            .execute(&format!("UPDATE kafka_offsets SET {change}"))
            .unwrap();
        let fenced = session
            .batch_commit(run, &mut batch([slice(0, 0..3)]))
            .unwrap();
        assert_eq!(fenced.len(), 1, "{change}");
        assert_eq!(
            database
                .number("SELECT count(*) FROM notifications")
                .unwrap(),
            0,
            "{change}"
        );
    }
}

#[test]
fn a_position_that_is_recorded_already_is_an_alarm_and_moves_nothing() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    session
        .batch_commit(run, &mut batch([slice(0, 0..3)]))
        .unwrap();
    database
        .execute("UPDATE kafka_offsets SET \"offset\" = -1")
        .unwrap();
    let error = session
        .batch_commit(run, &mut batch([slice(0, 0..3)]))
        .unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
    assert_eq!(
        database
            .number("SELECT \"offset\" FROM kafka_offsets")
            .unwrap(),
        -1
    );
    // and the session can still be used
    database
        .execute("UPDATE kafka_offsets SET \"offset\" = 2")
        .unwrap();
    session
        .batch_commit(run, &mut batch([slice(0, 3..4)]))
        .unwrap();
}

#[test]
fn without_its_counter_row_nothing_is_committed() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    database.execute("DELETE FROM recorder_state").unwrap();
    session
        .batch_commit(run, &mut batch([slice(0, 0..3)]))
        .unwrap_err();
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        0
    );
}

#[test]
fn ranges_are_extended_for_an_hour_and_tile_with_the_gaps() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    session
        .batch_commit(run, &mut batch([slice(0, 0..3)]))
        .unwrap();
    session
        .batch_commit(run, &mut batch([slice(0, 3..5)]))
        .unwrap();
    let mut after_gap = slice(0, 8..9);
    after_gap.expected = NextOffset::at(5).last_consumed();
    after_gap.gap = Some(Gap {
        from: NextOffset::at(5),
        to: NextOffset::at(8),
        reason: GapReason::Retention,
    });
    session.batch_commit(run, &mut batch([after_gap])).unwrap();
    database
        .execute("UPDATE recorded_ranges SET opened_at = now() - interval '61 minutes'")
        .unwrap();
    session
        .batch_commit(run, &mut batch([slice(0, 9..10)]))
        .unwrap();
    let ranges = database
        .rows("SELECT first_offset, next_offset, records FROM recorded_ranges ORDER BY 1")
        .unwrap();
    insta::assert_json_snapshot!(ranges);
    let gaps = database
        .rows("SELECT first_offset, last_offset, reason, announced_run FROM capture_gaps")
        .unwrap();
    insta::assert_json_snapshot!(gaps);
}

#[test]
fn commit_sequences_are_in_the_order_of_commits_and_without_holes() {
    let database = database();
    let mut first = session(&database);
    let run = begin(&mut first);
    let partitions: Vec<i32> = (0..8).collect();
    watch(&mut first, run, &partitions);
    std::thread::scope(|scope| {
        for partition in partitions {
            let database = &database;
            scope.spawn(move || {
                let mut session = session(database);
                for start in 0..20 {
                    let slice = slice(partition, start..start.strict_add(1));
                    session.batch_commit(run, &mut batch([slice])).unwrap();
                }
            });
        }
    });
    assert_eq!(
        database
            .number("SELECT count(*) FROM batches WHERE commit_seq BETWEEN 1 AND 160")
            .unwrap(),
        160
    );
    assert_eq!(
        database
            .number("SELECT commit_seq FROM recorder_state")
            .unwrap(),
        160
    );
    // a later number was never committed before an earlier one
    assert_eq!(
        database
            .number(
                "SELECT count(*) FROM batches a JOIN batches b ON b.commit_seq = a.commit_seq + 1 \
                 WHERE b.committed_at < a.committed_at"
            )
            .unwrap(),
        0
    );
}

#[test]
fn a_server_with_odd_defaults_makes_no_difference() {
    let database = database();
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "DateStyle = 'SQL, DMY'",
        "TimeZone = 'Asia/Kathmandu'",
        "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'",
        "statement_timeout = '60s'",
        "standard_conforming_strings = on",
    ] {
        database
            .execute(&format!("ALTER DATABASE {} SET {setting}", database.name()))
            .unwrap();
    }
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    let mut wide = slice(0, 0..0);
    wide.rows.push(&crate::fixture::row(
        crate::fixture::record(0, 0, "{\"type\":\"übergabe 🚲\"}".as_bytes()),
        0,
    ));
    wide.reached = NextOffset::at(1);
    session.batch_commit(run, &mut batch([wide])).unwrap();
    let rows = database
        .rows("SELECT event_type, octet_length(event_type) AS bytes, created_at AT TIME ZONE 'UTC' AS at FROM notifications")
        .unwrap();
    assert_eq!(rows[0]["event_type"], "übergabe 🚲");
    assert_eq!(rows[0]["bytes"], 14);
    assert_eq!(rows[0]["at"], "2026-11-25T12:00:00.123456");
}

#[test]
fn sequences_behind_their_tables_are_set_right_before_a_run_writes() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    session
        .batch_commit(run, &mut batch([slice(0, 0..1)]))
        .unwrap();
    database
        .execute(
            "SELECT setval('batches_batch_id_seq', 1, false), setval('poll_runs_run_id_seq', 1, false)",
        )
        .unwrap();
    let next = begin(&mut session);
    assert_eq!(next, run.strict_add(1));
    session
        .batch_commit(next, &mut batch([slice(0, 1..2)]))
        .unwrap();
    assert_eq!(
        database
            .number("SELECT max(batch_id) FROM batches")
            .unwrap(),
        2
    );
}
