//! What is written stays as it was: the triggers on `notifications`.

use notif_testbed::TestDatabase;

use crate::fixture::{batch, begin, database, session, slice, watch};

fn recorded() -> TestDatabase {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    session
        .batch_commit(run, &mut batch([slice(0, 0..2)]))
        .unwrap();
    database
}

#[track_caller]
fn refused(database: &TestDatabase, sql: &str) {
    let error = format!("{:#}", database.execute(sql).unwrap_err());
    assert!(
        error.contains("never") || error.contains("leaves position"),
        "{sql}: {error}"
    );
}

#[test]
fn even_the_owner_neither_changes_nor_deletes_nor_truncates() {
    let database = recorded();
    refused(&database, "UPDATE notifications SET status = 'x'");
    refused(&database, "UPDATE notifications SET status = 'redacted'");
    refused(&database, "DELETE FROM notifications");
    refused(&database, "TRUNCATE notifications");
    refused(
        &database,
        "SET notif.prune = 'on'; UPDATE notifications SET status = 'redacted'",
    );
    refused(
        &database,
        "SET notif.redact = 'on'; DELETE FROM notifications",
    );
}

#[test]
fn an_admin_who_says_so_prunes() {
    let database = recorded();
    database
        .execute("BEGIN; SELECT set_config('notif.prune', 'on', true); DELETE FROM notifications WHERE source_offset = 0; COMMIT")
        .unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        1
    );
    refused(&database, "DELETE FROM notifications");
}

#[test]
fn a_redaction_erases_who_and_what_and_keeps_position_times_and_hash() {
    let database = recorded();
    let redact = |what: &str| {
        format!(
            "BEGIN; SELECT set_config('notif.redact', 'on', true); UPDATE notifications SET {what}; COMMIT"
        )
    };
    database
        .execute(&redact(
            "status = 'redacted', customer_id = NULL, event = '{}', event_bytes = 2, message_key = NULL",
        ))
        .unwrap();
    for kept in [
        "value_sha256 = NULL",
        "source_offset = 9",
        "occurred_at = now()",
        "created_at = now()",
        "kafka_timestamp_ms = 1",
        "batch_id = 7",
        "event_type = 'x'",
        "notification_id = gen_random_uuid()",
    ] {
        refused(&database, &redact(&format!("status = 'redacted', {kept}")));
    }
    refused(
        &database,
        &redact("event = '{}'").replace(
            "UPDATE notifications SET",
            "UPDATE notifications SET status = 'captured',",
        ),
    );
}

#[test]
fn nobody_sets_the_order_of_transactions_back() {
    let database = recorded();
    refused(&database, "UPDATE recorder_state SET commit_seq = 0");
    database
        .execute("UPDATE recorder_state SET commit_seq = commit_seq + 1")
        .unwrap();
}
