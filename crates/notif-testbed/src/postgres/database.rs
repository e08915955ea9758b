//! A database for one test: a copy of a migrated template, dropped when the test passes and kept
//! when it fails.
//!
//! The server is in `postgres.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};

use super::Postgres;
use crate::{process, unique};

/// PostgreSQL cuts longer names off, and 13 characters of ours make it unique.
const LONGEST_PREFIX: usize = 48;

#[derive(QueryableByName)]
struct JsonRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    json: String,
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}

/// A database of its own. Dropping it drops the database, unless the thread is panicking: then it
/// stays as long as the server, and a dump of it stays in `target/testbed-kept/` for longer.
#[derive(Debug)]
pub struct TestDatabase {
    server: Postgres,
    name: String,
}

/// A transaction of [`TestDatabase::hold`]; rolled back when dropped.
pub struct Held(#[expect(dead_code, reason = "it is held, not used")] PgConnection);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl TestDatabase {
    /// A database with nothing in it.
    pub(super) fn empty(server: &Postgres) -> Result<Self> {
        Self::copy_of(server, "template0")
    }

    /// A database that somebody else made.
    pub(super) fn existing(server: &Postgres, name: &str) -> Self {
        Self {
            server: server.clone(),
            name: name.to_owned(),
        }
    }

    /// A database with the migrations of `folder` applied.
    pub(super) fn from_migrations(server: &Postgres, folder: &Path) -> Result<Self> {
        let template = {
            // held while the template is made: a second test waits for it instead of making another
            let mut templates = server
                .inner
                .templates
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(template) = templates.get(folder) {
                template.clone()
            } else {
                let template = make_template(server, folder)?;
                templates.insert(folder.to_owned(), template.clone());
                template
            }
        };
        Self::copy_of(server, &template)
    }

    fn copy_of(server: &Postgres, template: &str) -> Result<Self> {
        let name = unique(&prefix_from_test_name());
        execute(
            server,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )?;
        Ok(Self {
            server: server.clone(),
            name,
        })
    }

    /// A database that holds what this one holds now. Nobody may be connected to this one.
    pub fn copy(&self) -> Result<Self> {
        Self::copy_of(&self.server, &self.name)
    }

    /// Its address, as superuser.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Its name, which begins with the test's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that it is on.
    pub fn server(&self) -> &Postgres {
        &self.server
    }

    /// A new connection to it.
    pub fn connect(&self) -> Result<PgConnection> {
        PgConnection::establish(&self.url()).with_context(|| format!("connecting to {}", self.name))
    }

    /// Runs statements.
    pub fn execute(&self, sql: &str) -> Result<()> {
        self.connect()?
            .batch_execute(sql)
            .with_context(|| format!("running {sql}"))
    }

    /// Runs statements in a transaction that stays open, with all its locks, as long as the result.
    pub fn hold(&self, sql: &str) -> Result<Held> {
        let mut connection = self.connect()?;
        connection
            .batch_execute(&format!("BEGIN; {sql}"))
            .with_context(|| format!("holding {sql}"))?;
        Ok(Held(connection))
    }

    /// The rows of a query, each a JSON object by column name.
    pub fn rows(&self, sql: &str) -> Result<Vec<serde_json::Value>> {
        let rows: Vec<JsonRow> = diesel::sql_query(format!(
            "SELECT row_to_json(q)::text AS json FROM ({sql}) q"
        ))
        .load(&mut self.connect()?)
        .with_context(|| format!("asking {sql}"))?;
        rows.iter()
            .map(|row| Ok(serde_json::from_str(&row.json)?))
            .collect()
    }

    /// The one number that a query gives.
    pub fn number(&self, sql: &str) -> Result<i64> {
        let row: NumberRow = diesel::sql_query(format!("SELECT ({sql})::bigint AS number"))
            .get_result(&mut self.connect()?)
            .with_context(|| format!("asking {sql}"))?;
        Ok(row.number)
    }

    /// Where a dump of the database is put if its test fails.
    pub fn kept_at(&self) -> PathBuf {
        process::target_folder()
            .join("testbed-kept")
            .join(format!("{}.sql", self.name))
    }

    fn dump(&self) -> Result<PathBuf> {
        let file = self.kept_at();
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        let mut pg_dump = Command::new(self.server.binaries().join("pg_dump"));
        pg_dump
            .arg("--file")
            .arg(&file)
            .arg(self.url())
            .env("PGCONNECT_TIMEOUT", "5");
        process::run(&mut pg_dump, Duration::from_secs(60))?.success()?;
        Ok(file)
    }

    #[expect(
        clippy::print_stderr,
        reason = "the place of what is kept belongs in a test's output"
    )]
    fn keep(&self) {
        let place = if self.server.is_running() {
            self.dump()
        } else {
            Err(anyhow!("its server is stopped or paused"))
        };
        match place {
            Ok(file) => eprintln!("kept: database {} as {}", self.url(), file.display()),
            Err(error) => eprintln!("not kept: database {}: {error:#}", self.url()),
        }
    }
}

impl Drop for TestDatabase {
    #[expect(clippy::print_stderr, reason = "a destructor can only tell, not fail")]
    fn drop(&mut self) {
        if thread::panicking() {
            self.keep();
            return;
        }
        // a stopped server takes its folder with it, and a paused one would not answer
        if !self.server.is_running() {
            return;
        }
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        if let Err(error) = execute(&self.server, &statement) {
            eprintln!("could not drop database {}: {error:#}", self.name);
        }
    }
}

/// Runs the migrations into a new database that nobody connects to afterwards.
fn make_template(server: &Postgres, folder: &Path) -> Result<String> {
    let migrations = FileBasedMigrations::from_path(folder)
        .with_context(|| format!("no migrations in {}", folder.display()))?;
    let name = unique("template");
    execute(
        server,
        &format!("CREATE DATABASE {name} TEMPLATE template0"),
    )?;
    let mut connection = PgConnection::establish(&server.url(&name))?;
    connection
        .run_pending_migrations(migrations)
        .map_err(|error| anyhow!("migrating from {}: {error}", folder.display()))?;
    drop(connection);
    // a copy is refused while somebody is connected to the original
    execute(
        server,
        &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
    )?;
    Ok(name)
}

pub(super) fn create_named(server: &Postgres, name: &str) -> Result<String> {
    execute(
        server,
        &format!("CREATE DATABASE {name} TEMPLATE template0"),
    )?;
    Ok(server.url(name))
}

fn execute(server: &Postgres, statement: &str) -> Result<()> {
    let url = format!("{}?connect_timeout=10", server.admin_url());
    let mut connection = PgConnection::establish(&url)?;
    connection
        .batch_execute(statement)
        .with_context(|| statement.to_owned())
}

/// The test harness names a thread after its test, which makes a kept database easy to find.
fn prefix_from_test_name() -> String {
    let thread = thread::current();
    let test = thread
        .name()
        .unwrap_or("test")
        .rsplit("::")
        .next()
        .unwrap_or("test")
        .to_owned();
    let mut prefix: String = test
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(LONGEST_PREFIX)
        .collect();
    // a name that begins with a digit would need quotes
    if !prefix.starts_with(|c: char| c.is_ascii_lowercase()) {
        prefix.insert_str(0, "t_");
        prefix.truncate(LONGEST_PREFIX);
    }
    prefix
}
