//! Each statement goes by its index, sorts nothing and reads no more than it must, in a table that
//! PostgreSQL knows nothing about.

use super::*;
use crate::store::asked::plan;

fn plan<T: 'static>(read: Result<Read<T>, StoreError>, types: &[&str]) -> String {
    let plan = plan::plan(read, types);
    for slow in ["Sort", "Seq Scan", "Bitmap", "Hash", "Merge"] {
        assert!(!plan.contains(slow), "{slow}: {plan}");
    }
    plan
}

fn assert_goes_by(plan: &str, index: &str, condition: &str) {
    assert!(plan.contains(&format!("using {index} on ")), "{plan}");
    assert!(
        plan.contains(&format!("Index Cond: ({condition}")),
        "{plan}"
    );
}

#[test]
fn batches_are_found_by_their_place_in_the_order_of_commits() {
    let types = ["bigint", "bigint"];
    let index = "batches_commit_seq_key";
    let ahead = plan(batches_from(0, 1), &types);
    assert_goes_by(&ahead, index, "commit_seq >= $1");
    let beyond = plan(rows_beyond(0), &types);
    assert_goes_by(&beyond, index, "commit_seq > $1");
    assert!(beyond.contains("Limit"), "{beyond}");
}

#[test]
fn the_counter_is_one_row() {
    let counter = plan(newest_commit(), &["boolean"]);
    assert_goes_by(&counter, "recorder_state_pkey", "singleton = $1");
}

#[test]
fn the_batch_of_a_row_is_found_by_two_keys() {
    let batch = plan(batch_of(Uuid::nil()), &["uuid", "bigint"]);
    assert_goes_by(&batch, "notifications_pkey", "notification_id = $1");
    assert_goes_by(&batch, "batches_pkey", "batch_id = $0");
}

#[test]
fn rows_are_found_by_their_batch_and_read_by_their_id() {
    let rows = plan(batch_rows(&[1]), &["bigint[]"]);
    assert_goes_by(&rows, "notifications_batch", "batch_id = ANY ($1)");
    let ids = [Uuid::nil()];
    let reads: [(_, &[&str]); 2] = [
        (notifications(&ids), &["uuid[]"]),
        (notifications_without_events(&ids), &["text", "uuid[]"]),
    ];
    for (read, types) in reads {
        let by_id = plan(read, types);
        let ids = types.len();
        assert_goes_by(
            &by_id,
            "notifications_pkey",
            &format!("notification_id = ANY (${ids})"),
        );
    }
}
