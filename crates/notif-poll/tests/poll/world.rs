//! One test's world: its database, its topics, and the poll over them.

use std::process::Command;
use std::time::Duration;

use notif_testbed::kafka::{Kafka, Message};
use notif_testbed::postgres::{Postgres, TestDatabase};
use notif_testbed::process::{self, Finished};
use notif_testbed::unique;
use serde_json::Value;

/// No poll takes longer: its deadline is 50 s.
const LIMIT: Duration = Duration::from_secs(70);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) kafka: &'static Kafka,
    pub(crate) topics: Vec<String>,
}

impl World {
    /// A migrated database and topics of three partitions each.
    pub(crate) fn with_topics(count: usize) -> Self {
        Self::with_partitions(count, 3)
    }

    pub(crate) fn with_partitions(count: usize, partitions: i32) -> Self {
        Self::on(Kafka::shared(), count, partitions)
    }

    /// The same on a broker of the test's own.
    pub(crate) fn on(kafka: &'static Kafka, count: usize, partitions: i32) -> Self {
        let topics: Vec<String> = (0..count).map(|_| unique("events")).collect();
        for topic in &topics {
            kafka.create_topic(topic, partitions).unwrap();
        }
        let database = Postgres::shared().create_database().unwrap();
        Self {
            database,
            kafka,
            topics,
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topics[0]
    }

    /// Numbered messages, spread over the three partitions of the first topic.
    pub(crate) fn produce_numbers(&self, count: i32) {
        let messages =
            (0..count).map(|n| (self.topic(), n % 3, Message::new(format!(r#"{{"n":{n}}}"#))));
        let producer = self.kafka.producer().unwrap();
        producer.produce_all(messages).unwrap();
    }

    /// The command, with this world in its environment and nothing else.
    pub(crate) fn command(&self) -> Command {
        let mut command = notif_poll();
        command
            .env("DATABASE_URL", self.database.url())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap())
            .env("KAFKA_TOPICS", self.topics.join(","))
            .env(
                "CONSUMER_GROUP_ID",
                format!("group-{}", self.database.name()),
            );
        command
    }

    /// One poll; its report.
    pub(crate) fn poll(&self) -> Report {
        Report::of(&mut self.command())
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.database.number(sql).unwrap()
    }

    /// (partition, offset) of every row, in that order.
    pub(crate) fn positions(&self) -> Vec<(i64, i64)> {
        self.database
            .rows(
                "SELECT source_partition AS p, source_offset AS o FROM notifications \
                 WHERE source_offset IS NOT NULL ORDER BY source_topic, 1, 2",
            )
            .unwrap()
            .iter()
            .map(|row| (row["p"].as_i64().unwrap(), row["o"].as_i64().unwrap()))
            .collect()
    }

    /// Ranges and announced gaps tile everything from the first offset up to the stored one.
    pub(crate) fn assert_tiled(&self) {
        let holes = self
            .database
            .rows(
                "WITH tiles AS ( \
                   SELECT topic, partition, first_offset AS low, next_offset AS high, records \
                   FROM recorded_ranges \
                   UNION ALL SELECT topic, partition, first_offset, last_offset + 1, 0 \
                   FROM capture_gaps), \
                 checked AS (SELECT *, lead(low) OVER (PARTITION BY topic, partition ORDER BY low) \
                   AS following FROM tiles) \
                 SELECT c.* FROM checked c JOIN kafka_offsets k USING (topic, partition) \
                 WHERE coalesce(c.following, k.\"offset\" + 1) <> c.high",
            )
            .unwrap();
        assert!(holes.is_empty(), "the ledgers leave holes: {holes:?}");
        let miscounted = self
            .database
            .rows(
                "SELECT r.*, (SELECT count(*) FROM notifications n WHERE n.source_topic = r.topic \
                   AND n.source_partition = r.partition AND n.source_offset >= r.first_offset \
                   AND n.source_offset < r.next_offset) AS rows FROM recorded_ranges r",
            )
            .unwrap()
            .into_iter()
            .filter(|row| row["rows"] != row["records"])
            .collect::<Vec<_>>();
        assert!(
            miscounted.is_empty(),
            "ranges do not count their rows: {miscounted:?}"
        );
    }
}

/// The binary, with an empty environment.
pub(crate) fn notif_poll() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notif-poll"));
    command.env_clear();
    command
}

/// What a poll said.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl Report {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Finished {
            status,
            stdout,
            stderr,
        } = process::run(command.arg("--output").arg("json"), LIMIT).unwrap();
        let code = status.code().unwrap_or(-1);
        let json = serde_json::from_str(stdout.trim())
            .unwrap_or_else(|error| panic!("{error}: {stdout:?} {stderr}"));
        let report = Self { code, json, stderr };
        assert_eq!(report.json["exitCode"], code, "{report:?}");
        report
    }

    pub(crate) fn outcome(&self) -> &str {
        self.json["outcome"].as_str().unwrap()
    }

    pub(crate) fn records(&self) -> i64 {
        self.json["records"].as_i64().unwrap()
    }

    /// The report on one partition of the first topic asked for.
    pub(crate) fn partition(&self, topic: &str, partition: i64) -> &Value {
        self.json["partitions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["topic"] == topic && p["partition"] == partition)
            .unwrap_or_else(|| panic!("{topic}/{partition} is not in {}", self.json))
    }

    #[track_caller]
    pub(crate) fn expect(&self, outcome: &str, code: i32, records: i64) -> &Self {
        assert_eq!(
            (self.outcome(), self.code, self.records()),
            (outcome, code, records),
            "{self:?}"
        );
        self
    }
}
