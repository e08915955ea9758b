//! What must be in the database, from what the broker's own consumer read: every record once and
//! unchanged, in order; offsets at the ends; ledgers that tile and know every loss, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use notif_testbed::kafka::TruthRecord;
use notif_testbed::postgres::TestDatabase;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A partition's log: topic, generation, partition.
pub(crate) type Log = (String, i64, i64);

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Loss {
    pub(crate) log: Log,
    pub(crate) first: i64,
    pub(crate) last: Option<i64>,
    pub(crate) reason: &'static str,
}

impl Loss {
    /// Must an exit code tell of it?
    pub(crate) fn is_told(&self) -> bool {
        self.reason != "before-first-poll"
    }
}

/// What must be in the database.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    records: BTreeMap<(Log, i64), Expected>,
    /// The newest generation of each partition, and the end of its log.
    ends: BTreeMap<Log, i64>,
    pub(crate) losses: BTreeSet<Loss>,
}

/// What must be in a record's row.
#[derive(Debug, PartialEq)]
struct Expected {
    timestamp_ms: Option<i64>,
    key: Option<String>,
    headers: Value,
    bytes: Option<String>,
    sha256: Option<String>,
    payload: Value,
}

impl Truth {
    /// Adds what was read of a topic while it was in this generation; all of it or a part, again too.
    pub(crate) fn add(&mut self, topic: &str, generation: i64, records: &[TruthRecord]) {
        for record in records {
            let log = (topic.to_owned(), generation, i64::from(record.partition));
            let expected = Expected::of(record);
            let place = (log, record.offset);
            let known = self
                .records
                .entry(place)
                .or_insert_with(|| Expected::of(record));
            assert_eq!(
                *known, expected,
                "the independent reader reads two records there"
            );
        }
    }

    pub(crate) fn add_end(&mut self, log: Log, end: i64) {
        self.ends.insert(log, end);
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many losses an exit code must tell of.
    pub(crate) fn told(&self) -> i64 {
        let told = self.losses.iter().filter(|loss| loss.is_told());
        i64::try_from(told.count()).unwrap()
    }
}

impl Expected {
    fn of(record: &TruthRecord) -> Self {
        let value = record.value.as_deref();
        let headers = record.headers.iter().map(|(name, value)| {
            let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
            json!({"name": name, "value": value.as_ref().map(text)})
        });
        Self {
            timestamp_ms: record.timestamp_ms,
            key: record.key.as_deref().map(hex),
            headers: match record.headers.len() {
                0 => Value::Null,
                _ => headers.collect(),
            },
            bytes: value.map(hex),
            sha256: value.map(|value| hex(&Sha256::digest(value))),
            payload: value.map_or(Value::Null, payload),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// The payload of an event of the campus, as its consumers understand it.
fn payload(value: &[u8]) -> Value {
    let Ok(message) = serde_json::from_slice(value) else {
        return Value::Null;
    };
    let message = opened(message);
    if let Some(payload) = message.get("payload") {
        return opened(payload.clone());
    }
    let is_cloud_event = ["specversion", "id", "source", "type"]
        .iter()
        .all(|name| message.get(name).is_some());
    match message.get("data") {
        Some(data) if is_cloud_event => data.clone(),
        _ => message,
    }
}

/// The object within a string, or the value itself.
fn opened(value: Value) -> Value {
    match value.as_str().map(serde_json::from_str) {
        Some(Ok(object @ Value::Object(_))) => object,
        _ => value,
    }
}

/// Compares everything; how many records were compared, or what is wrong.
pub(crate) fn compare(database: &TestDatabase, truth: &Truth) -> Result<usize, String> {
    rows_are_the_records(database, truth)?;
    offsets_are_at_the_ends(database, truth)?;
    ledgers_tile(database, truth)?;
    losses_are_known(database, truth)?;
    losses_are_told(database)?;
    Ok(truth.len())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn log_of(row: &Value) -> Log {
    (
        text(&row["topic"]).unwrap(),
        row["generation"].as_i64().unwrap(),
        row["partition"].as_i64().unwrap(),
    )
}

fn rows_are_the_records(database: &TestDatabase, truth: &Truth) -> Result<(), String> {
    let rows = database
        .rows(
            "SELECT source_topic AS topic, topic_generation AS generation, \
             source_partition AS partition, source_offset AS offset, kafka_timestamp_ms, \
             encode(message_key, 'hex') AS key, headers, encode(raw, 'hex') AS raw, \
             encode(value_sha256, 'hex') AS sha256, event->'payload' AS payload, b.commit_seq \
             FROM notifications n LEFT JOIN batches b USING (batch_id) \
             ORDER BY 1, 2, 3, 4, notification_id",
        )
        .unwrap();
    let mut seen = BTreeSet::new();
    let mut newest: BTreeMap<Log, i64> = BTreeMap::new();
    for row in &rows {
        let place = (log_of(row), row["offset"].as_i64().unwrap());
        if !seen.insert(place.clone()) {
            return Err(format!("{place:?} is stored twice"));
        }
        let Some(expected) = truth.records.get(&place) else {
            return Err(format!("{place:?} is stored and must not be"));
        };
        row_is_the_record(row, expected).map_err(|wrong| format!("{place:?}: {wrong}"))?;
        let Some(commit_seq) = row["commit_seq"].as_i64() else {
            return Err(format!("no batch tells of {place:?}"));
        };
        let before = newest.insert(place.0.clone(), commit_seq);
        if before.is_some_and(|before| before > commit_seq) {
            return Err(format!("{place:?} was stored before what it follows"));
        }
    }
    match truth.records.keys().find(|place| !seen.contains(place)) {
        Some(missing) => Err(format!("{missing:?} is missing")),
        None => Ok(()),
    }
}

fn row_is_the_record(row: &Value, expected: &Expected) -> Result<(), String> {
    let found = Expected {
        timestamp_ms: row["kafka_timestamp_ms"].as_i64(),
        key: text(&row["key"]),
        headers: row["headers"].clone(),
        sha256: text(&row["sha256"]),
        // either the bytes themselves, or a payload that is equal as JSON
        bytes: text(&row["raw"]).or_else(|| expected.bytes.clone()),
        payload: match &row["raw"] {
            Value::Null => row["payload"].clone(),
            _ => expected.payload.clone(),
        },
    };
    if found == *expected {
        return Ok(());
    }
    Err(format!(
        "the row is not the record: {found:?} instead of {expected:?}"
    ))
}

fn offsets_are_at_the_ends(database: &TestDatabase, truth: &Truth) -> Result<(), String> {
    let rows = database
        .rows("SELECT topic, topic_generation AS generation, partition, \"offset\" FROM kafka_offsets")
        .unwrap();
    let stored: BTreeMap<Log, i64> = rows
        .iter()
        .map(|row| {
            (
                log_of(row),
                row["offset"].as_i64().unwrap().saturating_add(1),
            )
        })
        .collect();
    if stored == truth.ends {
        return Ok(());
    }
    Err(format!(
        "offsets are {stored:?}, and the logs end at {:?}",
        truth.ends
    ))
}

/// Ranges and losses of each log follow each other from 0 to the stored offset, and ranges count
/// their rows.
fn ledgers_tile(database: &TestDatabase, truth: &Truth) -> Result<(), String> {
    let tiles = database
        .rows(
            "SELECT topic, topic_generation AS generation, partition, first_offset AS first, \
             next_offset AS next, records - (SELECT count(*) FROM notifications n \
               WHERE n.source_topic = topic AND n.topic_generation = r.topic_generation \
               AND n.source_partition = partition AND n.source_offset >= first_offset \
               AND n.source_offset < next_offset) AS miscount FROM recorded_ranges r \
             UNION ALL SELECT topic, topic_generation, partition, first_offset, last_offset + 1, 0 \
             FROM capture_gaps ORDER BY topic, generation, partition, first",
        )
        .unwrap();
    let mut reached: BTreeMap<Log, Option<i64>> = BTreeMap::new();
    for tile in &tiles {
        let log = log_of(tile);
        let before = reached.entry(log.clone()).or_insert(Some(0));
        if *before != tile["first"].as_i64() {
            return Err(format!("the ledgers of {log:?} do not tile: {tiles:?}"));
        }
        if tile["miscount"] != 0 {
            return Err(format!("a range does not count its rows: {tile}"));
        }
        *before = tile["next"].as_i64();
    }
    for (log, end) in &truth.ends {
        let reached = reached.get(log).copied().unwrap_or(Some(0));
        if reached != Some(*end) {
            return Err(format!(
                "the ledgers of {log:?} reach {reached:?}, the log {end}"
            ));
        }
    }
    Ok(())
}

fn losses_are_known(database: &TestDatabase, truth: &Truth) -> Result<(), String> {
    let ledger = database
        .rows(
            "SELECT topic, topic_generation AS generation, partition, first_offset, last_offset, \
             reason FROM capture_gaps ORDER BY 1, 2, 3, 4",
        )
        .unwrap();
    let line = |row: &Value| {
        (
            log_of(row),
            row["first_offset"].as_i64().unwrap(),
            row["last_offset"].as_i64(),
            text(&row["reason"]).unwrap(),
        )
    };
    let ledger: Vec<_> = ledger.iter().map(line).collect();
    let known: Vec<_> = truth
        .losses
        .iter()
        .map(|loss| {
            (
                loss.log.clone(),
                loss.first,
                loss.last,
                loss.reason.to_owned(),
            )
        })
        .collect();
    if ledger == known {
        return Ok(());
    }
    Err(format!("the ledger says {ledger:?}, lost is {known:?}"))
}

/// A loss of ours counts as told by a run that ended, with the code that tells.
fn losses_are_told(database: &TestDatabase) -> Result<(), String> {
    let forgotten = database
        .rows(
            "SELECT g.* FROM capture_gaps g LEFT JOIN poll_runs r ON r.run_id = g.announced_run \
             WHERE g.reason <> 'before-first-poll' AND r.exit_code IS DISTINCT FROM 6",
        )
        .unwrap();
    if forgotten.is_empty() {
        return Ok(());
    }
    Err(format!("no run told of {forgotten:?}"))
}
