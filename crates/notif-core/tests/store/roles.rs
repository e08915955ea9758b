//! `deploy/postgres/roles.sql`: each role may do its work and no more.

use notif_core::store::{DatabaseUrl, Session};
use notif_testbed::{Postgres, PostgresOptions, TestDatabase};

use crate::fixture::{batch, begin, slice, watch};

const ROLES: &str = include_str!("../../../../deploy/postgres/roles.sql");

/// A database of a server of its own: roles belong to the server.
fn database(server: &Postgres) -> TestDatabase {
    let database = server.empty_database().unwrap();
    database.execute(ROLES).unwrap();
    session(server, &database, "notif_owner").migrate().unwrap();
    database.execute(ROLES).unwrap();
    database
}

fn session(server: &Postgres, database: &TestDatabase, role: &str) -> Session {
    let url = format!(
        "postgresql://{role}@127.0.0.1:{}/{}",
        server.port(),
        database.name()
    );
    Session::connect(&DatabaseUrl::parse(&url).unwrap(), "test").unwrap()
}

#[test]
fn each_role_does_its_work_and_cannot_touch_what_is_recorded() {
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = database(&server);
    let mut poller = session(&server, &database, "notif_poller");
    poller.schema_check("0.1.0").unwrap();
    let run = begin(&mut poller);
    assert_eq!(
        poller.cluster_fix(Some("cluster")).unwrap().as_deref(),
        Some("cluster")
    );
    watch(&mut poller, run, &[0]);
    poller
        .batch_commit(run, &mut batch([slice(0, 0..3)]))
        .unwrap();
    // a failover left the sequences behind: the poller sets them right
    database
        .execute("SELECT setval('batches_batch_id_seq', 1, false)")
        .unwrap();
    begin(&mut poller);
    session(&server, &database, "notif_api")
        .schema_check("0.1.0")
        .unwrap();

    for role in ["notif_poller", "notif_api", "notif_admin", "notif_owner"] {
        for sql in [
            "UPDATE notifications SET status = 'x'",
            "DELETE FROM notifications",
            "TRUNCATE notifications",
        ] {
            let attempt = database.execute(&format!("SET ROLE {role}; {sql}"));
            assert!(attempt.is_err(), "{role} could {sql}");
        }
    }
    for sql in [
        "SELECT set_config('notif.prune', 'on', false); DELETE FROM notifications",
        "SELECT set_config('notif.redact', 'on', false); UPDATE notifications SET status = 'redacted'",
        "ALTER TABLE notifications DISABLE TRIGGER ALL",
        "UPDATE recorder_state SET cluster_id = 'other'",
        "UPDATE kafka_offsets SET \"offset\" = 0",
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, reason, recorded_by) VALUES ('t', 0, 0, 0, 'operator', 'x')",
        "CREATE TABLE mine (x int)",
    ] {
        let attempt = database.execute(&format!("SET ROLE notif_api; {sql}"));
        assert!(attempt.is_err(), "notif_api could {sql}");
    }
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        3
    );
    database
        .execute("SET ROLE notif_admin; SELECT set_config('notif.prune', 'on', false); DELETE FROM notifications WHERE source_offset = 0")
        .unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        2
    );
}
