//! Migrations: safe together, wary of what is not theirs.

use notif_core::store::StoreError;
use notif_testbed::Postgres;

use crate::fixture::{database, session};

#[test]
fn several_processes_may_migrate_at_once() {
    let database = Postgres::shared().empty_database().unwrap();
    let ran: Vec<Vec<String>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| session(&database).migrate().unwrap()))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        ran.iter().filter(|ran| !ran.is_empty()).count(),
        1,
        "{ran:?}"
    );
    session(&database).schema_check("0.1.0").unwrap();
}

#[test]
fn without_a_schema_it_is_too_old() {
    let database = Postgres::shared().empty_database().unwrap();
    let error = session(&database).schema_check("0.1.0").unwrap_err();
    assert!(matches!(error, StoreError::SchemaTooOld(_)), "{error:?}");
}

#[test]
fn a_missing_migration_is_named_and_a_newer_schema_is_taken() {
    let database = database();
    database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')")
        .unwrap();
    session(&database).schema_check("0.1.0").unwrap();
    database
        .execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261125100200'")
        .unwrap();
    let error = session(&database).schema_check("0.1.0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database schema is too old: migration 20261125100200 is missing"
    );
}

#[test]
fn a_binary_older_than_the_schema_asks_for_is_refused() {
    let database = database();
    database
        .execute("UPDATE recorder_state SET min_binary = '0.10.0'")
        .unwrap();
    let error = session(&database).schema_check("0.9.0").unwrap_err();
    assert!(
        matches!(error, StoreError::SchemaTooNew { .. }),
        "{error:?}"
    );
    session(&database).schema_check("0.10.0").unwrap();
}

#[test]
fn tables_of_the_python_version_are_recognised_and_left_alone() {
    let database = Postgres::shared().empty_database().unwrap();
    database
        .execute(
            "CREATE TABLE notifications (notification_id varchar(36) PRIMARY KEY, event text); \
             CREATE TABLE kafka_offsets (topic varchar(255), partition int, \"offset\" bigint, PRIMARY KEY (topic, partition))",
        )
        .unwrap();
    let error = session(&database).migrate().unwrap_err();
    assert!(matches!(error, StoreError::ForeignSchema), "{error:?}");
    let error = session(&database).schema_check("0.1.0").unwrap_err();
    assert!(matches!(error, StoreError::ForeignSchema), "{error:?}");
    assert_eq!(
        database
            .number("SELECT count(*) FROM pg_class WHERE relname = 'batches'")
            .unwrap(),
        0
    );
}

#[test]
fn a_database_that_is_not_utf8_is_refused() {
    let server = Postgres::shared();
    let name = notif_testbed::unique("latin");
    let admin = server.empty_database().unwrap();
    admin
        .execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"))
        .unwrap();
    let url = notif_core::store::DatabaseUrl::parse(&server.url(&name)).unwrap();
    let error = notif_core::store::Session::connect(&url, "test")
        .unwrap()
        .migrate()
        .unwrap_err();
    assert!(matches!(error, StoreError::NotUtf8(_)), "{error:?}");
    admin
        .execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .unwrap();
}
