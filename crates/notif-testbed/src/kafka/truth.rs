//! What is really in a topic, told by the broker's own Java console consumer: a reader that shares
//! no line of code with the one under test.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{JVM, Kafka, REQUEST_LIMIT};
use crate::process;

/// Ends the reader where fewer records come than offsets are in the log: transaction markers,
/// aborted and compacted records leave holes that a count cannot know. It also covers the start of
/// a JVM on a machine that builds something else at the same time, which has taken over 10 s.
const SILENCE: Duration = Duration::from_secs(45);

/// For some hundred thousand records on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Between fields and records. Values are printed as ASCII, every other byte and the backslash as
/// `\xHH`, so control characters stand in no value.
const FIELD: &str = "\u{1f}";
const HEADER: &str = "\u{1d}";
const RECORD: &str = "\u{1e}";

/// What is printed for null, before the escape: a real value of these bytes would be taken for null.
const NULL: &str = "\u{1}null\u{1}";
const NULL_PRINTED: &str = r"\x01null\x01";

const BYTES: &str = "org.apache.kafka.common.serialization.BytesDeserializer";

/// A committed record as the Java client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthRecord {
    /// The partition that it is in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Milliseconds since 1970; None where Kafka has none.
    pub timestamp_ms: Option<i64>,
    /// None for a null key.
    pub key: Option<Vec<u8>>,
    /// None for a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order. A name that holds a colon cannot be told apart from its value and is cut there.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Kafka {
    /// All committed records of a topic, sorted by partition and offset, bytes kept.
    ///
    /// Takes about two seconds, and 45 more where the log has holes (transactions, compaction).
    pub fn read_committed(&self, topic: &str) -> Result<Vec<TruthRecord>> {
        let mut most = 0_i64;
        for (low, high) in self.all_watermarks(topic)? {
            most = most.saturating_add(high.saturating_sub(low));
        }
        self.read_committed_up_to(topic, most)
    }

    /// The same where it is known how many there are: it does not wait for more, also where the log
    /// has holes. Where there are fewer, it takes the 45 seconds.
    pub fn read_committed_up_to(&self, topic: &str, most: i64) -> Result<Vec<TruthRecord>> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let printed = process::run(&mut self.console_consumer(topic, most), LIMIT)?
            .success()
            .with_context(|| format!("reading {topic} with the console consumer"))?;
        let records = printed.split_terminator(RECORD).map(|line| {
            parse(line).with_context(|| format!("the console consumer printed {line:?}"))
        });
        let mut records = records.collect::<Result<Vec<_>>>()?;
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }

    fn console_consumer(&self, topic: &str, most: i64) -> Command {
        let mut java = Command::new("java");
        java.current_dir(self.folder())
            .args(JVM)
            .args(["-Dfile.encoding=UTF-8", "-cp"])
            .arg(self.jars.class_path())
            .arg(self.jars.console_consumer())
            .args(["--bootstrap-server", &self.bootstrap(), "--topic", topic])
            .args(["--from-beginning", "--isolation-level", "read_committed"])
            .args(["--max-messages", &most.to_string()])
            .args(["--timeout-ms", &SILENCE.as_millis().to_string()]);
        for name in [
            "timestamp",
            "partition",
            "offset",
            "headers",
            "key",
            "value",
        ] {
            java.args(["--property", &format!("print.{name}=true")]);
        }
        for (name, value) in [
            ("key.separator", FIELD),
            ("headers.separator", HEADER),
            ("line.separator", RECORD),
            ("null.literal", NULL),
            ("key.deserializer", BYTES),
            ("value.deserializer", BYTES),
            ("headers.deserializer", BYTES),
        ] {
            java.args(["--property", &format!("{name}={value}")]);
        }
        // a fetch holds at least one message of the largest size
        let wait = REQUEST_LIMIT.as_millis().to_string();
        java.args(["--consumer-property", &format!("request.timeout.ms={wait}")]);
        java
    }
}

/// `CreateTime:1 | Partition:0 | Offset:5 | headers | key | value`, the fields being split by [`FIELD`].
fn parse(line: &str) -> Result<TruthRecord> {
    let fields: Vec<&str> = line.split(FIELD).collect();
    let [timestamp, partition, offset, headers, key, value] = fields.as_slice() else {
        bail!("{} fields instead of 6", fields.len());
    };
    let number = |field: &str, name: &str| {
        field
            .strip_prefix(name)
            .with_context(|| format!("{field:?} is no {name}"))
            .map(str::to_owned)
    };
    let timestamp_ms = match timestamp.split_once(':') {
        // Kafka's word for none
        Some((_, "-1")) | None => None,
        Some((_, milliseconds)) => Some(milliseconds.parse()?),
    };
    Ok(TruthRecord {
        partition: number(partition, "Partition:")?.parse()?,
        offset: number(offset, "Offset:")?.parse()?,
        timestamp_ms,
        key: unescape(key)?,
        value: unescape(value)?,
        headers: parse_headers(headers)?,
    })
}

fn parse_headers(field: &str) -> Result<Vec<(String, Option<Vec<u8>>)>> {
    if field == "NO_HEADERS" {
        return Ok(Vec::new());
    }
    let header = |text: &str| {
        let (name, value) = text.split_once(':').context("a header without a colon")?;
        Ok((name.to_owned(), unescape(value)?))
    };
    field.split(HEADER).map(header).collect()
}

fn unescape(printed: &str) -> Result<Option<Vec<u8>>> {
    if printed == NULL_PRINTED {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(printed.len());
    let mut rest = printed;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (digits, after) = escaped
            .strip_prefix('x')
            .and_then(|hex| hex.split_at_checked(2))
            .context("a backslash without xHH")?;
        bytes.push(u8::from_str_radix(digits, 16)?);
        rest = after;
    }
    ensure!(rest.is_ascii(), "{rest:?} is not ASCII");
    bytes.extend_from_slice(rest.as_bytes());
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{TruthRecord, parse, unescape};

    #[test]
    fn a_printed_record_is_read_back() -> anyhow::Result<()> {
        let line = "CreateTime:12\u{1f}Partition:2\u{1f}Offset:5\u{1f}a:\\x5C\u{1d}b:\\x01null\\x01\
                    \u{1f}\\x01null\\x01\u{1f}{\"x\":1}";
        let record = TruthRecord {
            partition: 2,
            offset: 5,
            timestamp_ms: Some(12),
            key: None,
            value: Some(br#"{"x":1}"#.to_vec()),
            headers: vec![
                ("a".to_owned(), Some(b"\\".to_vec())),
                ("b".to_owned(), None),
            ],
        };
        assert_eq!(parse(line)?, record);
        Ok(())
    }

    #[test]
    fn what_is_no_escape_is_refused() {
        for wrong in ["\\", "\\x", "\\x1", "\\y00", "\\xZZ", "ü"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
    }
}
