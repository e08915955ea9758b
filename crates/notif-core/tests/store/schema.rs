//! The schema itself: undone without a trace, described, and what the code believes it to be.

use std::process::Command;
use std::time::Duration;

use notif_testbed::{Postgres, TestDatabase, process};

use crate::fixture::{database, session};

/// The schema as `pg_dump` writes it, but for what differs from call to call.
fn dump(database: &TestDatabase) -> String {
    let mut pg_dump = Command::new(database.server().binaries().join("pg_dump"));
    pg_dump
        .args([
            "--schema-only",
            "--exclude-table=__diesel_schema_migrations",
        ])
        .arg(database.url());
    let text = process::run(&mut pg_dump, Duration::from_secs(60))
        .unwrap()
        .success()
        .unwrap();
    text.lines()
        .filter(|line| !line.contains("restrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn up_down_up_leaves_no_difference() {
    let database = Postgres::shared().empty_database().unwrap();
    let nothing = dump(&database);
    session(&database).migrate().unwrap();
    let first = dump(&database);
    session(&database).revert_all().unwrap();
    assert_eq!(
        dump(&database),
        nothing,
        "a down.sql leaves something behind"
    );
    session(&database).migrate().unwrap();
    assert_eq!(dump(&database), first);
    assert!(first.contains("CREATE TABLE public.notifications"));
}

#[test]
fn every_table_and_every_column_has_a_comment() {
    let without = database()
        .rows(
            "SELECT c.relname AS name, a.attname AS column FROM pg_class c \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped \
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' \
             AND c.relname <> '__diesel_schema_migrations' \
             AND col_description(c.oid, a.attnum) IS NULL \
             UNION ALL SELECT c.relname, NULL FROM pg_class c \
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' \
             AND c.relname <> '__diesel_schema_migrations' AND obj_description(c.oid) IS NULL",
        )
        .unwrap();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn schema_rs_is_what_diesel_prints() {
    let database = database();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut diesel = Command::new("diesel");
    diesel
        .current_dir(root)
        .args([
            "print-schema",
            "--config-file",
            "diesel.toml",
            "--database-url",
        ])
        .arg(database.url());
    let printed = process::run(&mut diesel, Duration::from_secs(60))
        .expect("the diesel command line tool; `make tools-cargo` installs it, `make test` puts it on PATH")
        .success()
        .unwrap();
    let file =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/schema.rs")).unwrap();
    assert_eq!(printed.trim(), file.trim());
}
