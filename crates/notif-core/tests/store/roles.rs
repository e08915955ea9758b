//! `deploy/postgres/roles.sql`: each role may do its work and no more.

use std::process::Command;
use std::time::Duration;

use notif_core::notification::{Manual, ManualNotification};
use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use notif_core::resume::{Resumption, Shown};
use notif_core::store::cluster::Adopted;
use notif_core::store::decision::Decision;
use notif_core::store::idempotency::IdempotencyKey;
use notif_core::store::notification::Sent;
use notif_core::store::resume::Resumed;
use notif_core::store::{DatabaseUrl, Pool, PoolOptions, Session};
use notif_testbed::{Postgres, PostgresOptions, TestDatabase, process};

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

/// The API stores what is sent by hand, with its key, and removes keys.
fn send_by_hand(server: &Postgres, database: &TestDatabase) {
    let (port, name) = (server.port(), database.name());
    let url = format!("postgresql://notif_api@127.0.0.1:{port}/{name}");
    let pool = Pool::new(&PoolOptions {
        url: DatabaseUrl::parse(&url).unwrap(),
        readers: 1,
        writers: 1,
        prepared_statements: true,
    });
    let manual = ManualNotification::new(Manual {
        customer_id: "c-1".to_owned(),
        order_id: "o-1".to_owned(),
        runner_id: None,
        payload: "{}".to_owned(),
    });
    let key = IdempotencyKey {
        principal: "p".to_owned(),
        key: "k".to_owned(),
    };
    let send = |random| {
        let manual = manual.clone().unwrap();
        pool.notification_send(manual, [random; 10], Some(&key))
            .unwrap()
    };
    assert!(matches!(send(1), Sent::Stored(_)));
    assert!(matches!(send(2), Sent::Replayed(_)));
    assert_eq!(pool.key_prune(10).unwrap(), 0);
    database
        .execute("UPDATE idempotency_keys SET created_at = now() - interval '25 h'")
        .unwrap();
    assert_eq!(pool.key_prune(10).unwrap(), 1);
}

/// Who records may also do what an operator decides: it only ever adds to the ledgers.
fn decide(server: &Postgres, database: &TestDatabase) {
    let id = PartitionId::new("t", 0);
    let decision = Decision {
        by: "alice@here".to_owned(),
        reason: "why".to_owned(),
    };
    for (role, generation) in [("notif_poller", 0), ("notif_admin", 2)] {
        let mut session = session(server, database, role);
        let retired = session
            .partition_retire(&decision, std::slice::from_ref(&id))
            .unwrap();
        assert_eq!(retired.len(), 1);
        session.status_read(10, 5).unwrap();
        let next = NextOffset::at(3);
        session.lineage_read(&id, generation, next).unwrap();
        session.fingerprint_at(&id, generation, 7).unwrap();
        session
            .fingerprint_offset_next(&id, generation, next)
            .unwrap();
        let resumed = Resumed {
            id: id.clone(),
            shown: Shown {
                last: next.last_consumed(),
                generation,
                stopped: None,
                retired: true,
            },
            resumption: Resumption::NewGeneration {
                begins: next,
                ends_as: None,
                skipped: Vec::new(),
            },
            topic_id: None,
        };
        assert!(session.partition_resume(&decision, &[resumed]).unwrap());
        let from = session.cluster_read().unwrap();
        let adopted = Adopted {
            id: id.clone(),
            generation: generation.strict_add(1),
            low: next,
            topic_id: None,
        };
        let adopted = session.cluster_adopt(&decision, from.as_deref(), role, &[adopted]);
        assert!(adopted.unwrap());
    }
}

#[test]
fn the_api_keeps_its_limits_behind_a_pooler() {
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = database(&server);
    let connected = |role: &str| {
        let name = database.name();
        let url = format!("postgresql://{role}@127.0.0.1:{}/{name}", server.port());
        let mut psql = Command::new(server.binaries().join("psql"));
        let limits = "SELECT current_setting('statement_timeout'), current_setting('enable_sort')";
        psql.args(["-X", "-A", "-t", "-c", limits, &url]);
        let finished = process::run(&mut psql, Duration::from_secs(20)).unwrap();
        finished.success().unwrap().trim().to_owned()
    };
    assert_eq!(connected("notif_api"), "2s|off");
    // nobody else has them
    for role in ["notif_owner", "notif_poller", "notif_admin"] {
        assert_eq!(connected(role), "0|on", "{role}");
    }
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
    decide(&server, &database);
    session(&server, &database, "notif_api")
        .schema_check("0.1.0")
        .unwrap();

    send_by_hand(&server, &database);

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
        "UPDATE kafka_offsets SET retired_at = now()",
        "UPDATE kafka_offsets SET \"offset\" = 0",
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, reason, recorded_by) VALUES ('t', 0, 0, 0, 'operator', 'x')",
        "CREATE TABLE mine (x int)",
        "UPDATE idempotency_keys SET request_sha256 = ''",
        "TRUNCATE idempotency_keys",
    ] {
        let attempt = database.execute(&format!("SET ROLE notif_api; {sql}"));
        assert!(attempt.is_err(), "notif_api could {sql}");
    }
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        4
    );
    database
        .execute("SET ROLE notif_admin; SELECT set_config('notif.prune', 'on', false); DELETE FROM notifications WHERE source_offset = 0")
        .unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM notifications")
            .unwrap(),
        3
    );
    for role in ["notif_poller", "notif_admin"] {
        let attempt = database.execute(&format!("SET ROLE {role}; SELECT FROM idempotency_keys"));
        assert!(attempt.is_err(), "{role} could read idempotency keys");
    }
}
