//! Databases from a template, kept on failure; a server that is stopped, restarted and paused.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use notif_testbed::{Postgres, PostgresOptions, TestDatabase};

fn count(connection: &mut PgConnection, query: &str) -> Result<i64> {
    Ok(diesel::select(diesel::dsl::sql::<BigInt>(query)).get_result(connection)?)
}

fn write_migration(folder: &Path) -> Result<()> {
    let migration = folder.join("2026-01-01-000000_create_parcels");
    fs::create_dir_all(&migration)?;
    fs::write(
        migration.join("up.sql"),
        "CREATE TABLE parcels (id bigint PRIMARY KEY);",
    )?;
    fs::write(migration.join("down.sql"), "DROP TABLE parcels;")?;
    Ok(())
}

fn migrated() -> Result<TestDatabase> {
    let folder = tempfile::tempdir()?;
    write_migration(folder.path())?;
    Postgres::shared().create_database_from(folder.path())
}

#[test]
fn a_database_from_the_template_has_the_migrations_and_is_its_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_migration(folder.path())?;
    let one = Postgres::shared().create_database_from(folder.path())?;
    let two = Postgres::shared().create_database_from(folder.path())?;
    assert!(
        one.name().starts_with("a_database_from_the_template"),
        "{}",
        one.name()
    );
    one.connect()?
        .batch_execute("INSERT INTO parcels VALUES (1)")?;
    assert_eq!(
        count(&mut one.connect()?, "(SELECT count(*) FROM parcels)")?,
        1
    );
    assert_eq!(
        count(&mut two.connect()?, "(SELECT count(*) FROM parcels)")?,
        0
    );
    let applied = "(SELECT count(*) FROM __diesel_schema_migrations)";
    assert_eq!(count(&mut two.connect()?, applied)?, 1);
    Ok(())
}

#[test]
fn the_workspaces_own_migrations_apply() -> Result<()> {
    let database = Postgres::shared().create_database()?;
    let mut connection = database.connect()?;
    let tables = "(SELECT count(*) FROM information_schema.tables
                   WHERE table_name IN ('notifications', 'kafka_offsets'))";
    assert_eq!(count(&mut connection, tables)?, 2);
    Ok(())
}

#[test]
fn a_database_is_utf8_and_sorts_by_bytes() -> Result<()> {
    let database = Postgres::shared().empty_database()?;
    let mut connection = database.connect()?;
    let rightly = "(SELECT count(*) FROM pg_database WHERE datname = current_database()
                    AND pg_encoding_to_char(encoding) = 'UTF8' AND datcollate = 'C')";
    assert_eq!(count(&mut connection, rightly)?, 1);
    Ok(())
}

#[test]
fn a_database_of_a_passed_test_is_dropped() -> Result<()> {
    let database = migrated()?;
    let name = database.name().to_owned();
    // a connection left open does not keep it
    let _open = database.connect()?;
    drop(database);
    let mut admin = PgConnection::establish(&Postgres::shared().admin_url())?;
    let left = format!("(SELECT count(*) FROM pg_database WHERE datname = '{name}')");
    assert_eq!(count(&mut admin, &left)?, 0);
    Ok(())
}

#[test]
fn a_database_of_a_failed_test_is_kept() -> Result<()> {
    let database = migrated()?;
    database
        .connect()?
        .batch_execute("INSERT INTO parcels VALUES (4711)")?;
    let (url, place) = (database.url(), database.kept_at());
    let failed = catch_unwind(AssertUnwindSafe(move || {
        let _owned = database;
        // not panic!: its message would stand in the output of a test that passes
        std::panic::resume_unwind(Box::new("a failed assertion"));
    }));
    assert!(failed.is_err());
    assert_eq!(
        count(
            &mut PgConnection::establish(&url)?,
            "(SELECT count(*) FROM parcels)"
        )?,
        1
    );
    let dump = fs::read_to_string(&place)?;
    fs::remove_file(&place)?;
    assert!(dump.contains("4711"), "{dump}");
    Ok(())
}

#[test]
fn a_server_stopped_at_once_keeps_what_was_committed() -> Result<()> {
    let server = Postgres::start(&PostgresOptions {
        durable: true,
        ..Default::default()
    })?;
    let database = server.empty_database()?;
    database
        .connect()?
        .batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")?;
    let mut open = database.connect()?;
    open.batch_execute("BEGIN; INSERT INTO t VALUES (2)")?;
    server.stop_immediate()?;
    assert!(database.connect().is_err());
    assert!(open.batch_execute("COMMIT").is_err());
    server.restart()?;
    assert_eq!(
        count(&mut database.connect()?, "(SELECT count(*) FROM t)")?,
        1
    );
    Ok(())
}

#[test]
fn a_paused_server_answers_again_when_it_goes_on() -> Result<()> {
    let server = Postgres::start(&PostgresOptions::default())?;
    let url = format!("{}?connect_timeout=2", server.admin_url());
    let mut before = PgConnection::establish(&url)?;
    server.pause()?;
    // the socket is open, nobody answers on it
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_ok());
    assert!(PgConnection::establish(&url).is_err());
    let (answers, answer) = mpsc::channel();
    let asking = thread::spawn(move || answers.send(count(&mut before, "1::bigint")));
    // a running server answers this in a millisecond
    let early = answer.recv_timeout(Duration::from_millis(300));
    assert!(
        early.is_err(),
        "a paused server answered on an old connection: {early:?}"
    );
    server.resume()?;
    assert_eq!(answer.recv_timeout(Duration::from_secs(30))??, 1);
    asking.join().ok().context("the query's thread")??;
    assert!(PgConnection::establish(&url).is_ok());
    Ok(())
}

#[test]
fn a_server_with_a_password_asks_for_it() -> Result<()> {
    let password = Some("sesame".to_owned());
    let server = Postgres::start(&PostgresOptions {
        password,
        ..Default::default()
    })?;
    assert!(PgConnection::establish(&server.admin_url()).is_ok());
    let wrong = server.admin_url().replace("sesame", "senna");
    let error = PgConnection::establish(&wrong)
        .err()
        .context("the wrong password was taken")?;
    assert!(
        error.to_string().contains("password authentication failed"),
        "{error}"
    );
    Ok(())
}

#[test]
fn settings_reach_the_server() -> Result<()> {
    let settings = vec![("work_mem".to_owned(), "12MB".to_owned())];
    let server = Postgres::start(&PostgresOptions {
        settings,
        ..Default::default()
    })?;
    let folder = server.folder().to_owned();
    let mut connection = PgConnection::establish(&server.admin_url())?;
    assert_eq!(
        count(
            &mut connection,
            "(current_setting('work_mem') = '12MB')::int::bigint"
        )?,
        1
    );
    drop(server);
    // dropped, not only ended with the process
    assert!(!folder.exists(), "{} is still there", folder.display());
    Ok(())
}
