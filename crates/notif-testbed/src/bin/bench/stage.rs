//! What the benchmarks share: durable servers, a campus in Kafka, and its record.
//!
//! The record is made by a first drain that is not measured: it warms the broker up, and its rows
//! are what the baselines copy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use notif_testbed::{
    Campus, Kafka, KafkaOptions, Postgres, PostgresOptions, TestDatabase, campus, process,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::timed::{self, Timed};
use crate::{heading, tools};

/// The same campus in every run.
const SEED: u64 = 2026;

/// How many events are handed to the producer at once.
const CHUNK: usize = 20_000;

/// What PostgreSQL is set to besides its defaults. It keeps its promises (`fsync`,
/// `synchronous_commit`, `full_page_writes` are on); what is set keeps checkpoints and the vacuum
/// daemon, which strike one run and not the next, out of both sides alike.
pub(crate) const SETTINGS: [(&str, &str); 6] = [
    ("shared_buffers", "1GB"),
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
    ("timezone", "UTC"),
    // `api.rs` reads the statement of the API from the server's view of activity
    ("track_activity_query_size", "16384"),
];

/// Longer than any drain of a machine worth measuring.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(600);

/// How rows are written into a file and copied back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// psql's default.
    Text,
    Binary,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// Servers, programs, and the recorded campus.
pub(crate) struct Stage {
    /// The database of the first drain.
    pub(crate) recorded: TestDatabase,
    pub(crate) postgres: Postgres,
    pub(crate) kafka: Kafka,
    pub(crate) events: u32,
    programs: PathBuf,
    folder: TempDir,
}

impl Stage {
    /// Starts the servers, produces `events` campus events, and records them once.
    pub(crate) fn set_up(events: u32) -> Result<Self> {
        heading("Private servers, and a campus of events recorded once");
        let programs =
            process::programs_beside(&["notif-poll", "notif-api"], "cargo build --release --bins")?;
        let options = PostgresOptions {
            durable: true,
            settings: SETTINGS
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            ..PostgresOptions::default()
        };
        // together: each leaves a processor idle
        let kafka = thread::spawn(|| Kafka::start(&KafkaOptions::default()));
        let postgres = Postgres::start(&options)?;
        let kafka = kafka.join().ok().context("starting Kafka panicked")??;
        let recorded = postgres.create_database()?;
        let stage = Self {
            recorded,
            postgres,
            kafka,
            events,
            programs,
            folder: tempfile::Builder::new().prefix("notif-bench-").tempdir()?,
        };
        stage.produce()?;
        stage.drain(&stage.recorded)?;
        for format in [Format::Text, Format::Binary] {
            stage.export(format)?;
        }
        Ok(stage)
    }

    fn produce(&self) -> Result<()> {
        let started = Instant::now();
        self.kafka.create_campus_topics()?;
        let producer = self.kafka.producer()?;
        let mut campus = Campus::new(SEED);
        let mut left = usize::try_from(self.events)?;
        while left > 0 {
            let chunk = left.min(CHUNK);
            producer.produce_events(campus.by_ref().take(chunk))?;
            left = left.saturating_sub(chunk);
        }
        self.say(
            &format!("{} events produced", self.events),
            started.elapsed(),
        );
        Ok(())
    }

    fn export(&self, format: Format) -> Result<()> {
        let file = self.export_file(format);
        let copy = format!(
            "\\copy (SELECT * FROM notifications ORDER BY batch_id, source_topic, source_partition, \
             source_offset) TO '{}' WITH (FORMAT {})",
            file.display(),
            format.name()
        );
        let mut psql = tools::psql(&self.postgres, &self.recorded.url())?;
        timed::run(psql.args(["-c", &copy]), DRAIN_LIMIT)?;
        Ok(())
    }

    /// The rows of the first drain, in the order in which they were written.
    pub(crate) fn export_file(&self, format: Format) -> PathBuf {
        self.folder.path().join(format!("rows.{}", format.name()))
    }

    /// A folder for scripts; gone at the end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One of our programs with an environment that leads it to `database` and our broker, and
    /// nothing else in it.
    pub(crate) fn program(&self, name: &str, database: &TestDatabase) -> Command {
        self.run(&self.programs.join(name), database)
    }

    /// The same for a program at another place.
    pub(crate) fn run(&self, program: &Path, database: &TestDatabase) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("DATABASE_URL", database.url())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap())
            .env("KAFKA_TOPICS", campus::TOPICS.join(","))
            .env(
                "POLL_DEADLINE_SECONDS",
                DRAIN_LIMIT.as_secs().saturating_sub(10).to_string(),
            );
        command
    }

    /// notif-poll as it was built with this benchmark.
    pub(crate) fn poll_program(&self) -> PathBuf {
        self.programs.join("notif-poll")
    }

    /// One poll that records everything; it fails where a record is missing.
    pub(crate) fn drain(&self, database: &TestDatabase) -> Result<Timed> {
        self.drain_with(&self.poll_program(), database)
    }

    /// The same by another build.
    pub(crate) fn drain_with(&self, program: &Path, database: &TestDatabase) -> Result<Timed> {
        let mut poll = self.run(program, database);
        let timed = timed::run(poll.args(["--output", "json"]), DRAIN_LIMIT)?;
        let report: Value = serde_json::from_str(&timed.stdout)?;
        let member = |name: &str| report.get(name).cloned().unwrap_or_default();
        let (outcome, records) = (member("outcome"), member("records"));
        let gone = database.rows("SELECT reason, count(*) FROM capture_gaps GROUP BY reason")?;
        ensure!(
            outcome == "drained" && records == self.events,
            "the poll recorded {records} of {} events, outcome {outcome}, gaps {gone:?} {}",
            self.events,
            timed.stderr
        );
        self.check_rows(database)?;
        self.say("drained by notif-poll", timed.wall);
        Ok(timed)
    }

    /// Fails where `database` does not hold every event.
    pub(crate) fn check_rows(&self, database: &TestDatabase) -> Result<()> {
        let rows = database.number("SELECT count(*) FROM notifications")?;
        ensure!(
            rows == i64::from(self.events),
            "{rows} rows are stored of {} events",
            self.events
        );
        Ok(())
    }

    /// An empty migrated database, nothing of what came before waiting to be written.
    pub(crate) fn fresh_database(&self) -> Result<TestDatabase> {
        let database = self.postgres.create_database()?;
        database.execute("CHECKPOINT")?;
        Ok(database)
    }

    /// Rows a second of a run that wrote them all.
    pub(crate) fn rows_per_second(&self, timed: &Timed) -> f64 {
        f64::from(self.events) / timed.wall.as_secs_f64()
    }

    /// A line about a step.
    #[expect(
        clippy::print_stdout,
        reason = "minutes without a word look like a hang"
    )]
    pub(crate) fn say(&self, what: &str, took: Duration) {
        let rate = f64::from(self.events) / took.as_secs_f64();
        println!("{what}: {:.2} s, {rate:.0} a second", took.as_secs_f64());
    }
}
