//! The migrations, embedded, and the question whether a schema and a binary fit together.
//!
//! `diesel_migrations` has no lock of its own: two processes that start together would both run the
//! same migration. The lock here is asked for again and again instead of waited for, because a
//! session that *waits* for an advisory lock holds a snapshot, and a `CREATE INDEX CONCURRENTLY` of
//! the one that has the lock would wait for that snapshot for ever.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Key of the advisory lock: the bytes of `notifmig`.
const LOCK_KEY: i64 = i64::from_be_bytes(*b"notifmig");

const LOCK_PAUSE: Duration = Duration::from_millis(200);
const LOCK_TRIES: u32 = 300;

/// Brings the schema up to date; the names of the migrations that it ran. Safe when several
/// processes start together: one does the work, the others wait for it up to a minute.
pub fn migrate(conn: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    encoding_check(conn)?;
    lock_take(conn)?;
    let outcome = migrate_locked(conn);
    let released = diesel::sql_query("SELECT pg_advisory_unlock($1)")
        .bind::<BigInt, _>(LOCK_KEY)
        .execute(conn);
    if let Err(error) = released {
        log::debug!("the migration lock goes with the connection: {error}");
    }
    outcome
}

fn migrate_locked(conn: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let state = schema_state(conn)?;
    if state.has_notifications && applied_versions(conn, &state)?.is_empty() {
        return Err(StoreError::ForeignSchema);
    }
    diesel::sql_query("SET lock_timeout = '5s'").execute(conn)?;
    conn.run_pending_migrations(MIGRATIONS)
        .map(|versions| versions.iter().map(ToString::to_string).collect())
        .map_err(|error| StoreError::Refused(format!("a migration failed: {error}")))
}

/// Undoes all migrations, newest first: for the test that proves each `down.sql`.
pub fn revert_all(conn: &mut PgConnection) -> Result<(), StoreError> {
    conn.revert_all_migrations(MIGRATIONS)
        .map(drop)
        .map_err(|error| StoreError::Refused(format!("a migration could not be undone: {error}")))
}

/// Can this binary, of version `ours`, work with the schema? It can with any newer one whose
/// `min_binary` it meets.
pub fn schema_check(conn: &mut PgConnection, ours: &str) -> Result<(), StoreError> {
    let state = schema_state(conn)?;
    let applied = applied_versions(conn, &state)?;
    if applied.is_empty() {
        return Err(if state.has_notifications {
            StoreError::ForeignSchema
        } else {
            StoreError::SchemaTooOld("there is none".to_owned())
        });
    }
    if let Some(missing) = embedded_versions()?
        .iter()
        .find(|version| !applied.contains(*version))
    {
        return Err(StoreError::SchemaTooOld(format!(
            "migration {missing} is missing"
        )));
    }
    let needed: String = crate::schema::recorder_state::table
        .select(crate::schema::recorder_state::min_binary)
        .first(conn)?;
    if version_number(ours) < version_number(&needed) {
        return Err(StoreError::SchemaTooNew {
            needed,
            ours: ours.to_owned(),
        });
    }
    Ok(())
}

#[derive(QueryableByName)]
struct SchemaState {
    #[diesel(sql_type = Bool)]
    has_migrations: bool,
    #[diesel(sql_type = Bool)]
    has_notifications: bool,
}

fn schema_state(conn: &mut PgConnection) -> Result<SchemaState, StoreError> {
    Ok(diesel::sql_query(
        "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS has_migrations, \
                to_regclass('notifications') IS NOT NULL AS has_notifications",
    )
    .get_result(conn)?)
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

fn applied_versions(
    conn: &mut PgConnection,
    state: &SchemaState,
) -> Result<BTreeSet<String>, StoreError> {
    if !state.has_migrations {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<Applied> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

fn embedded_versions() -> Result<Vec<String>, StoreError> {
    let migrations: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS
        .migrations()
        .map_err(|error| StoreError::Internal(format!("embedded migrations: {error}")))?;
    Ok(migrations
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

/// `major.minor.patch` as numbers; what is no number counts as 0.
fn version_number(version: &str) -> [u64; 3] {
    let mut parts = version
        .split(['.', '-', '+'])
        .map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[derive(QueryableByName)]
struct Encoding {
    #[diesel(sql_type = Text)]
    encoding: String,
}

fn encoding_check(conn: &mut PgConnection) -> Result<(), StoreError> {
    let row: Encoding = diesel::sql_query("SELECT current_setting('server_encoding') AS encoding")
        .get_result(conn)?;
    if row.encoding == "UTF8" {
        Ok(())
    } else {
        Err(StoreError::NotUtf8(row.encoding))
    }
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

fn lock_take(conn: &mut PgConnection) -> Result<(), StoreError> {
    for _ in 0..LOCK_TRIES {
        let row: Taken = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS taken")
            .bind::<BigInt, _>(LOCK_KEY)
            .get_result(conn)?;
        if row.taken {
            return Ok(());
        }
        thread::sleep(LOCK_PAUSE);
    }
    Err(StoreError::Refused(
        "another process has been migrating for over a minute".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version_number("0.10.0") > version_number("0.9.9"));
        assert!(version_number("1.0.0-rc.1") >= version_number("1.0.0"));
        assert_eq!(version_number("2"), [2, 0, 0]);
    }
}
