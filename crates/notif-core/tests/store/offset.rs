//! The offset table, and what is known of partitions that have no row in it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use notif_core::batch::{Gap, GapReason};
use notif_core::freshness::Freshness;
use notif_core::offset::{EndOffset, NextOffset};
use notif_core::plan::{History, Watermarks};
use notif_core::record::PartitionId;
use notif_core::stable_end::HeldBack;
use notif_core::store::offset::{FirstOffset, Observation};
use notif_core::store::run::RunEnd;
use notif_core::store::session::Telling;

use crate::fixture::{batch, begin, database, session, slice, watch};

#[test]
fn the_first_row_of_two_runs_at_once_is_written_once_with_its_gap() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    let first = FirstOffset {
        id: PartitionId::new("t", 0),
        low: NextOffset::at(5),
        topic_id: Some("id".to_owned()),
        gap: Some(Gap {
            from: NextOffset::at(0),
            to: NextOffset::at(5),
            reason: GapReason::BeforeFirstPoll,
        }),
    };
    session
        .offset_insert_first(run, std::slice::from_ref(&first))
        .unwrap();
    session.offset_insert_first(run, &[first]).unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM capture_gaps")
            .unwrap(),
        1
    );
    let rows = session.offset_list().unwrap();
    let row = &rows[&PartitionId::new("t", 0)];
    assert_eq!(
        (row.stored.last.get(), row.stored.topic_id.as_deref()),
        (4, Some("id"))
    );
}

#[test]
fn a_partition_without_a_row_is_new_or_was_recorded_before() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0, 1]);
    session
        .batch_commit(run, &mut batch([slice(0, 0..2)]))
        .unwrap();
    database
        .execute("DELETE FROM kafka_offsets WHERE partition = 0")
        .unwrap();
    let ids = [
        PartitionId::new("t", 0),
        PartitionId::new("t", 2),
        PartitionId::new("u", 0),
    ];
    let histories = session.history_list(&ids, &BTreeSet::from(["t"])).unwrap();
    let expected = [History::Recorded, History::NewPartition, History::NewTopic];
    for (id, expected) in ids.iter().zip(expected) {
        assert_eq!(histories[id], expected, "{id}");
    }
    // rows alone are evidence enough
    database.execute("DELETE FROM recorded_ranges").unwrap();
    let histories = session.history_list(&ids, &BTreeSet::from(["t"])).unwrap();
    assert_eq!(histories[&ids[0]], History::Recorded);
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
        .checked_add_signed(TimeDelta::seconds(seconds))
        .unwrap()
}

fn seen(drained: i64) -> Observation {
    Observation {
        id: PartitionId::new("t", 0),
        generation: 0,
        topic_id: Some("first".to_owned()),
        watermarks: Watermarks {
            low: NextOffset::at(0),
            end: EndOffset::at(7),
            high: EndOffset::at(9),
        },
        end_moved_at: at(50),
        freshness: Freshness {
            mark: Some((at(60), EndOffset::at(9))),
            drained_through: Some(at(drained)),
        },
    }
}

fn end(run_id: i64) -> RunEnd {
    RunEnd {
        run_id,
        ended_at: at(90),
        outcome: "nothing".to_owned(),
        exit_code: 0,
        exit_codes: vec![0],
        records: 0,
        bytes: 0,
        unparseable: 0,
        detail: None,
    }
}

#[test]
fn what_a_run_saw_is_stored_and_freshness_never_goes_back() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    session
        .run_end(run, &[seen(40)], &[], |_| (end(run), Telling::Later))
        .unwrap();
    let row = session
        .offset_list()
        .unwrap()
        .remove(&PartitionId::new("t", 0))
        .unwrap();
    assert_eq!(row.freshness.drained_through, Some(at(40)));
    assert_eq!(row.freshness.mark, Some((at(60), EndOffset::at(9))));
    assert_eq!(
        row.held_back,
        Some(HeldBack {
            end: EndOffset::at(7),
            since: at(50)
        })
    );
    assert_eq!(row.stored.topic_id.as_deref(), Some("first"));
    // a slower run that ends later
    let mut late = seen(30);
    late.topic_id = Some("second".to_owned());
    session
        .run_end(run, &[late], &[], |_| (end(run), Telling::Later))
        .unwrap();
    let row = session
        .offset_list()
        .unwrap()
        .remove(&PartitionId::new("t", 0))
        .unwrap();
    assert_eq!(row.freshness.drained_through, Some(at(40)));
    assert_eq!(
        row.stored.topic_id.as_deref(),
        Some("first"),
        "the first real id is adopted"
    );
}

#[test]
fn what_was_seen_of_another_generation_is_not_stored() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    database
        .execute("UPDATE kafka_offsets SET topic_generation = 1")
        .unwrap();
    session
        .run_end(run, &[seen(40)], &[], |_| (end(run), Telling::Later))
        .unwrap();
    let row = session
        .offset_list()
        .unwrap()
        .remove(&PartitionId::new("t", 0))
        .unwrap();
    assert_eq!(row.freshness.drained_through, None);
}

#[test]
fn a_loss_is_told_by_one_run_and_only_where_its_exit_code_tells() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    database
        .execute(
            "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, reason, recorded_by) \
             VALUES ('t', 0, 0, 3, 4, 'retention', 'notif-poll'), ('t', 0, 0, 5, 6, 'operator', 'ann')",
        )
        .unwrap();
    let mut told = |telling, detail: Option<&str>| {
        let mut seen = Vec::new();
        let end = RunEnd {
            detail: detail.map(str::to_owned),
            ..end(run)
        };
        let written = session.run_end(run, &[], &[], |gaps| {
            seen = gaps
                .iter()
                .map(|gap| (gap.first_offset, gap.last_offset))
                .collect();
            (end, telling)
        });
        (written.is_ok(), seen)
    };
    let loss = vec![(3, Some(4))];
    // another exit code comes first
    assert_eq!(told(Telling::Later, None), (true, loss.clone()));
    // the end of the run cannot be written: its detail is no JSON
    assert_eq!(told(Telling::ByExitCode, Some("{")), (false, loss.clone()));
    assert_eq!(told(Telling::ByExitCode, None), (true, loss));
    assert_eq!(told(Telling::ByExitCode, None), (true, vec![]));
}

#[test]
fn runs_and_batches_without_rows_of_over_thirty_days_ago_are_forgotten() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    database
        .execute("INSERT INTO poll_runs (started_at, deadline_at, host, version) SELECT now() - interval '31 days', now(), 'h', 'v' FROM generate_series(1, 1500)")
        .unwrap();
    session
        .run_end(run, &[], &[], |_| (end(run), Telling::Later))
        .unwrap();
    assert_eq!(
        database.number("SELECT count(*) FROM poll_runs").unwrap(),
        501,
        "a thousand at a time"
    );
    database
        .execute(
            "INSERT INTO batches (batch_id, commit_seq, committed_at, rows) VALUES \
             (1, 1, now() - interval '31 days', 0), (2, 2, now() - interval '31 days', 1), \
             (3, 3, now(), 0)",
        )
        .unwrap();
    session
        .run_end(run, &[], &[], |_| (end(run), Telling::Later))
        .unwrap();
    let left = database.number("SELECT sum(batch_id) FROM batches WHERE batch_id IN (2, 3)");
    assert_eq!(left.unwrap(), 5);
    assert_eq!(database.number("SELECT count(*) FROM batches").unwrap(), 2);
}
