//! What the tests of the operator's commands share: asking a command, and logs that part.

use std::process::Command;
use std::time::Duration;

use notif_testbed::kafka::Message;
use notif_testbed::process;
use serde_json::Value;

use crate::world::World;

/// No command takes longer: its deadline is 50 s.
const LIMIT: Duration = Duration::from_secs(70);

/// What a command said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Told {
    pub(crate) fn of(command: &mut Command) -> Self {
        let finished = process::run(command, LIMIT).unwrap();
        Self {
            code: finished.status.code().unwrap_or(-1),
            stdout: finished.stdout,
            stderr: finished.stderr,
        }
    }

    /// The one object, of a command that ended with `code`.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{self:?}");
        let json: Value = serde_json::from_str(self.stdout.trim())
            .unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert_eq!(json["exitCode"], code, "{self:?}");
        json
    }
}

impl World {
    /// The command with these arguments, said to a person.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Told {
        Told::of(self.command().env("USER", "alice").args(arguments))
    }

    /// The same, said to a program.
    pub(crate) fn ask_json(&self, arguments: &[&str]) -> Told {
        Told::of(
            self.command()
                .env("USER", "alice")
                .args(arguments)
                .args(["--output", "json"]),
        )
    }

    /// As the drain does it: nothing of the partition is read until an operator decides.
    pub(crate) fn stop(&self, partition: i32, reason: &str) {
        self.database
            .execute(&format!(
                "UPDATE kafka_offsets SET stopped_reason = '{reason}', \
                 stopped_at = clock_timestamp(), stopped_offset = \"offset\" + 1 \
                 WHERE topic = '{}' AND partition = {partition}",
                self.topic()
            ))
            .unwrap();
    }

    /// Another log in the place of the first topic's, and nothing that would tell of it but its
    /// records: as after an unclean election, where the topic's id stays.
    pub(crate) fn replace_log(&self, partitions: i32) {
        self.kafka.delete_topic(self.topic()).unwrap();
        self.kafka.create_topic(self.topic(), partitions).unwrap();
        self.database
            .execute(&format!(
                "UPDATE kafka_offsets SET topic_id = NULL WHERE topic = '{}'",
                self.topic()
            ))
            .unwrap();
    }

    /// The numbers to partition 0, the same records each time they are of the same `log`.
    pub(crate) fn write(&self, numbers: std::ops::Range<i64>, log: &str) {
        let messages = numbers.map(|n| message(n, log));
        self.kafka.produce(self.topic(), 0, messages).unwrap();
    }

    /// Everything that the database holds, as text.
    pub(crate) fn dump(&self) -> String {
        let program = self.database.server().binaries().join("pg_dump");
        let mut pg_dump = Command::new(program);
        pg_dump.arg(self.database.url());
        let dump = process::run(&mut pg_dump, LIMIT)
            .unwrap()
            .success()
            .unwrap();
        // psql's own protection against a dump that is not to be trusted: another key each time
        dump.lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The ledger of losses, without times.
    pub(crate) fn ledger(&self) -> Vec<Value> {
        self.database
            .rows(
                "SELECT partition AS p, topic_generation AS g, first_offset AS first, \
                 last_offset AS last, known_end, reason, note, announced_run IS NOT NULL AS told \
                 FROM capture_gaps ORDER BY gap_id",
            )
            .unwrap()
    }

    /// Within each generation ranges and losses follow each other without hole and overlap, the
    /// present one up to the stored offset; and every range has its rows.
    #[track_caller]
    pub(crate) fn assert_generations_tiled(&self) {
        let holes = self
            .database
            .rows(
                "WITH tiles AS ( \
                   SELECT topic, partition, topic_generation, first_offset AS low, \
                     next_offset AS high FROM recorded_ranges \
                   UNION ALL SELECT topic, partition, topic_generation, first_offset, \
                     last_offset + 1 FROM capture_gaps), \
                 checked AS (SELECT t.*, k.topic_generation AS present, k.\"offset\" + 1 AS next, \
                     k.retired_at, lead(low) OVER (PARTITION BY topic, partition, t.topic_generation \
                       ORDER BY low, high) AS following \
                   FROM tiles t JOIN kafka_offsets k USING (topic, partition)) \
                 SELECT * FROM checked WHERE CASE \
                   WHEN following IS NOT NULL THEN high IS DISTINCT FROM following \
                   WHEN topic_generation < present OR retired_at IS NOT NULL THEN high IS NOT NULL \
                   ELSE high IS DISTINCT FROM next END",
            )
            .unwrap();
        assert!(holes.is_empty(), "{holes:?}");
        let miscounted = self.number(
            "SELECT count(*) FROM recorded_ranges r WHERE records <> (SELECT count(*) \
             FROM notifications n WHERE n.source_topic = r.topic \
             AND n.source_partition = r.partition AND n.topic_generation = r.topic_generation \
             AND n.source_offset >= r.first_offset AND n.source_offset < r.next_offset)",
        );
        assert_eq!(miscounted, 0);
    }
}

fn message(n: i64, log: &str) -> Message {
    Message::new(format!(r#"{{"n":{n},"log":"{log}"}}"#))
        .key(n.to_string())
        .at(n.strict_add(1_772_366_400_000))
}
