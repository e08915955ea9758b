//! What an operator decides is written whole and only onto what the operator was shown.

use notif_core::batch::{Gap, GapReason};
use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use notif_core::resume::{Ending, Resumption, Shown};
use notif_core::store::Session;
use notif_core::store::cluster::Adopted;
use notif_core::store::decision::Decision;
use notif_core::store::fingerprint::Recorded;
use notif_core::store::resume::Resumed;
use notif_testbed::TestDatabase;

use crate::fixture::{batch, begin, database, session, slice, watch};

fn decision() -> Decision {
    Decision {
        by: "alice@here".to_owned(),
        reason: "it's so".to_owned(),
    }
}

fn id(partition: i32) -> PartitionId {
    PartitionId::new("t", partition)
}

/// Partitions 0 and 1 with four records each, both stopped.
fn stopped(database: &TestDatabase) -> Session {
    let mut session = session(database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0, 1]);
    let mut written = batch([slice(0, 0..4), slice(1, 0..4)]);
    session.batch_commit(run, &mut written).unwrap();
    database
        .execute(
            "UPDATE kafka_offsets SET stopped_reason = 'corrupt', stopped_at = now(), \
             stopped_offset = 4, topic_id = 'old'",
        )
        .unwrap();
    session
}

fn resumed(partition: i32, last: i64, resumption: Resumption) -> Resumed {
    Resumed {
        id: id(partition),
        shown: Shown {
            last: NextOffset::after(last).last_consumed(),
            generation: 0,
            stopped: Some("corrupt".to_owned()),
            retired: false,
        },
        resumption,
        topic_id: Some("now".to_owned()),
    }
}

fn forward() -> Resumption {
    Resumption::Forward {
        to: NextOffset::at(6),
        skipped: vec![Gap {
            from: NextOffset::at(4),
            to: NextOffset::at(6),
            reason: GapReason::Operator,
        }],
    }
}

#[test]
fn where_one_row_is_not_what_was_shown_nothing_is_written() {
    let database = database();
    let mut session = stopped(&database);
    let good = resumed(0, 3, forward());
    let changed = |change: fn(&mut Shown)| {
        let mut resumed = resumed(1, 3, Resumption::Retry);
        change(&mut resumed.shown);
        resumed
    };
    let others = [
        changed(|shown| shown.last = NextOffset::at(3).last_consumed()),
        changed(|shown| shown.generation = 1),
        changed(|shown| shown.stopped = Some("conflict".to_owned())),
        changed(|shown| shown.stopped = None),
        changed(|shown| shown.retired = true),
        Resumed {
            id: id(7),
            ..good.clone()
        },
    ];
    for other in others {
        let written = session
            .partition_resume(&decision(), &[good.clone(), other.clone()])
            .unwrap();
        assert!(!written, "{other:?}");
        let untouched = "SELECT count(*) FROM kafka_offsets WHERE stopped_reason = 'corrupt' \
                         AND \"offset\" = 3 AND NOT EXISTS (SELECT FROM capture_gaps)";
        assert_eq!(database.number(untouched).unwrap(), 2, "{other:?}");
    }
    let fine = [good, changed(|_| {})];
    assert!(session.partition_resume(&decision(), &fine).unwrap());
    let rows = database
        .rows("SELECT partition, \"offset\" AS o, stopped_reason, topic_id FROM kafka_offsets ORDER BY 1")
        .unwrap();
    assert_eq!(
        (&rows[0]["o"], &rows[1]["o"], &rows[0]["topic_id"]),
        (&5.into(), &3.into(), &"old".into())
    );
    // a second time it is not what was shown any more
    assert!(!session.partition_resume(&decision(), &fine).unwrap());
}

#[test]
fn a_new_generation_forgets_what_was_seen_of_the_old_log() {
    let database = database();
    let mut session = stopped(&database);
    let parted = Resumption::NewGeneration {
        begins: NextOffset::at(2),
        ends_as: Some(Ending::Diverged),
        skipped: Vec::new(),
    };
    assert!(
        session
            .partition_resume(&decision(), &[resumed(0, 3, parted)])
            .unwrap()
    );
    let row = &database
        .rows(
            "SELECT topic_generation AS g, \"offset\" AS o, topic_id, witness_offset, mark_at, \
             stopped_at, records FROM kafka_offsets WHERE partition = 0",
        )
        .unwrap()[0];
    assert_eq!(
        *row,
        serde_json::json!({"g": 1, "o": 1, "topic_id": "now", "witness_offset": null,
            "mark_at": null, "stopped_at": null, "records": 4})
    );
    let gap = &database
        .rows("SELECT topic_generation AS g, first_offset, last_offset, reason, note, recorded_by LIKE 'alice@here (database user %)' AS by FROM capture_gaps")
        .unwrap()[0];
    assert_eq!(
        *gap,
        serde_json::json!({"g": 0, "first_offset": 4, "last_offset": null, "reason": "diverged",
            "note": "it's so", "by": true})
    );
    // both generations belong to the log that is read now
    let lineage = session.lineage_read(&id(0), 1, NextOffset::at(2)).unwrap();
    assert_eq!(
        lineage.at(NextOffset::at(1)),
        Some((0, Some(NextOffset::at(2))))
    );
    assert_eq!(lineage.at(NextOffset::at(2)), Some((1, None)));
}

#[test]
fn a_generation_of_another_topic_is_no_part_of_the_log() {
    let database = database();
    let mut session = stopped(&database);
    database
        .execute(
            "UPDATE kafka_offsets SET topic_generation = 3; \
             INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, reason, recorded_by) VALUES \
             ('t', 0, 0, 4, 'diverged', 'x'), ('t', 0, 1, 4, 'recreated', 'x'), ('t', 0, 2, 8, 'retired', 'x')",
        )
        .unwrap();
    let lineage = session.lineage_read(&id(0), 3, NextOffset::at(9)).unwrap();
    assert_eq!(lineage.at(NextOffset::at(7)), None);
    assert_eq!(lineage.at(NextOffset::at(8)).unwrap().0, 2);
    assert_eq!(lineage.at(NextOffset::at(9)).unwrap().0, 3);
    let only = session.lineage_read(&id(1), 0, NextOffset::at(4)).unwrap();
    assert_eq!(only.at(NextOffset::at(0)), Some((0, None)));
}

#[test]
fn the_record_knows_records_holes_and_what_it_does_not_know() {
    let database = database();
    let mut session = stopped(&database);
    database
        .execute(
            "UPDATE recorded_ranges SET next_offset = 6 WHERE partition = 0; \
             UPDATE recorded_ranges SET next_offset = 9 WHERE partition = 1; \
             INSERT INTO prune_ledger (topic, partition, topic_generation, first_offset, last_offset, rows, pruned_by) \
             VALUES ('t', 1, 0, 4, 5, 2, 'x')",
        )
        .unwrap();
    let mut at = |partition, offset| session.fingerprint_at(&id(partition), 0, offset).unwrap();
    assert!(matches!(at(0, 3), Recorded::Record(print) if print.offset == 3));
    assert_eq!(at(0, 5), Recorded::None);
    assert_eq!(at(0, 6), Recorded::Unknown);
    assert_eq!(at(1, 5), Recorded::Unknown);
    assert_eq!(at(1, 6), Recorded::None);
    let next = session.fingerprint_offset_next(&id(0), 0, NextOffset::at(2));
    assert_eq!(next.unwrap(), Some(NextOffset::at(2)));
    let none = session.fingerprint_offset_next(&id(0), 0, NextOffset::at(4));
    assert_eq!(none.unwrap(), None);
}

#[test]
fn of_partitions_that_are_retired_already_nothing_is_written_twice() {
    let database = database();
    let mut session = stopped(&database);
    let both = [id(0), id(1)];
    assert_eq!(
        session.partition_retire(&decision(), &both[..1]).unwrap(),
        both[..1]
    );
    assert_eq!(
        session.partition_retire(&decision(), &both).unwrap(),
        both[1..]
    );
    assert!(
        session
            .partition_retire(&decision(), &both)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        database
            .number("SELECT count(*) FROM capture_gaps WHERE reason = 'retired'")
            .unwrap(),
        2
    );
}

#[test]
fn a_batch_that_was_under_way_leaves_a_retired_partition_alone() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    session.partition_retire(&decision(), &[id(0)]).unwrap();
    let fenced = session
        .batch_commit(run, &mut batch([slice(0, 0..3)]))
        .unwrap();
    assert_eq!(fenced, [id(0)]);
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        0
    );
}

#[test]
fn a_cluster_is_adopted_only_from_what_was_shown() {
    let database = database();
    let mut session = stopped(&database);
    session.cluster_fix(Some("old")).unwrap();
    let adopted = |partition, generation| Adopted {
        id: id(partition),
        generation,
        low: NextOffset::at(5),
        topic_id: None,
    };
    let both = [adopted(0, 0), adopted(1, 0)];
    let mut adopt = |from, partitions: &[Adopted]| {
        session
            .cluster_adopt(&decision(), from, "new", partitions)
            .unwrap()
    };
    assert!(!adopt(Some("other"), &both));
    assert!(!adopt(None, &both));
    assert!(!adopt(Some("old"), &both[..1]));
    assert!(!adopt(Some("old"), &[adopted(0, 0), adopted(1, 1)]));
    assert!(!adopt(Some("old"), &[adopted(0, 0), adopted(2, 0)]));
    assert_eq!(
        database
            .number("SELECT count(*) FROM capture_gaps")
            .unwrap(),
        0
    );
    assert!(adopt(Some("old"), &both));
    assert_eq!(session.cluster_read().unwrap().as_deref(), Some("new"));
    assert_eq!(
        database
            .number(
                "SELECT count(*) FROM kafka_offsets WHERE topic_generation = 1 AND \"offset\" = 4 \
                 AND stopped_reason IS NULL"
            )
            .unwrap(),
        2
    );
}
