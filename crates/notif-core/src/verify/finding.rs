//! What was found, and where: as many as a person can read are named, the rest is counted.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// How many mismatches are named.
pub const NAMED: usize = 100;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Offsets that no range and no loss accounts for.
    Hole,
    /// Offsets that two of them account for.
    Overlap,
    /// Ranges or losses behind the stored offset, or behind the end of their generation.
    BeyondEnd,
    /// A generation without an end, or one that is read although it has one.
    GenerationEnd,
    /// A partition that is recorded, but has no offset row.
    OffsetRowMissing,
    /// A range with another number of rows than records.
    RangeRows,
    /// A range whose rows are of other lengths than it says.
    RangeBytes,
    /// Rows that were removed from where nothing was recorded.
    PrunedOutside,
    /// A row that lies in no range.
    RowOutside,
    /// The counter of an offset row.
    Counter,
    /// Length or hash of a value is not that of the bytes kept beside it.
    Raw,
    /// An id that is not the one of its record.
    NotificationId,
    /// A time that does not follow from what Kafka said and when it was recorded.
    OccurredAt,
    /// An event of another length than was written.
    EventBytes,
    /// An event that is not the one of its row.
    Event,
    /// A batch with another number of rows than it says.
    BatchRows,
    /// Rows of no batch.
    BatchMissing,
    /// The order of commits.
    CommitSeq,
    /// Kafka has a record that was not recorded.
    RecordMissing,
    /// A row whose record Kafka should have, and has not.
    NotInKafka,
    /// Kafka has what the ledger says is lost.
    LostButThere,
    /// Kafka's log ends below the stored offset.
    LogCut,
    /// Kafka's record has another value.
    Value,
    /// Kafka's record has another key.
    Key,
    /// Kafka's record has other headers.
    Headers,
    /// Kafka's record has another timestamp, or one of another type.
    Timestamp,
}

/// Where something was found; what does not apply is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// The generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i32>,
    /// The first offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_offset: Option<i64>,
    /// The last offset; the same as the first for one record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_offset: Option<i64>,
    /// The row.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "id")]
    pub notification_id: Option<Uuid>,
}

#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
fn id<S: Serializer>(id: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

impl Place {
    /// A partition in one generation.
    pub fn partition(topic: &str, partition: i32, generation: i32) -> Self {
        Self {
            topic: Some(topic.to_owned()),
            partition: Some(partition),
            generation: Some(generation),
            ..Self::default()
        }
    }

    /// The same place, narrowed to offsets: both are included.
    #[must_use]
    pub fn offsets(&self, first: i64, last: i64) -> Self {
        Self {
            first_offset: Some(first),
            last_offset: Some(last),
            ..self.clone()
        }
    }

    /// The same place, narrowed to one row.
    #[must_use]
    pub fn row(&self, offset: Option<i64>, id: Uuid) -> Self {
        Self {
            first_offset: offset,
            last_offset: offset,
            notification_id: Some(id),
            ..self.clone()
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        match (&self.topic, self.partition) {
            (Some(topic), Some(partition)) => parts.push(format!("{topic}/{partition}")),
            (Some(topic), None) => parts.push(topic.clone()),
            _ => {}
        }
        if let Some(generation) = self.generation.filter(|generation| *generation > 0) {
            parts.push(format!("generation {generation}"));
        }
        match (self.first_offset, self.last_offset) {
            (Some(first), Some(last)) if first == last => parts.push(format!("offset {first}")),
            (Some(first), Some(last)) => parts.push(format!("offsets {first}..{last}")),
            (Some(first), None) => parts.push(format!("from offset {first}")),
            _ => {}
        }
        if let Some(id) = self.notification_id.filter(|_| self.first_offset.is_none()) {
            parts.push(format!("notification {id}"));
        }
        f.write_str(&parts.join(" "))
    }
}

/// One mismatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What differs.
    pub kind: Kind,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// How, in words.
    pub detail: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.place.to_string();
        if place.is_empty() {
            f.write_str(&self.detail)
        } else {
            write!(f, "{place}: {}", self.detail)
        }
    }
}

/// All mismatches: the first [`NAMED`] by name, all of them in number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// How many there are.
    pub total: u64,
    /// How many there are of each kind.
    pub by_kind: BTreeMap<Kind, u64>,
    /// The first of them.
    pub named: Vec<Finding>,
}

impl Findings {
    /// One more. `detail` is asked only where it will be shown.
    pub fn add(&mut self, kind: Kind, place: impl FnOnce() -> Place, detail: impl Into<String>) {
        self.total = self.total.saturating_add(1);
        let count = self.by_kind.entry(kind).or_default();
        *count = count.saturating_add(1);
        if self.named.len() < NAMED {
            self.named.push(Finding {
                kind,
                place: place(),
                detail: detail.into(),
            });
        }
    }

    /// How many are counted, but not named.
    pub fn unnamed(&self) -> u64 {
        let named = u64::try_from(self.named.len()).unwrap_or(u64::MAX);
        self.total.saturating_sub(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hundred_are_named_and_all_are_counted() {
        let mut findings = Findings::default();
        for n in 0..250 {
            let kind = if n % 2 == 0 { Kind::Hole } else { Kind::Key };
            findings.add(
                kind,
                || Place::partition("t", 0, 0).offsets(n, n),
                "differs",
            );
        }
        assert_eq!((findings.total, findings.named.len()), (250, NAMED));
        assert_eq!(findings.unnamed(), 150);
        assert_eq!(
            findings.by_kind,
            BTreeMap::from([(Kind::Hole, 125), (Kind::Key, 125)])
        );
    }

    #[test]
    fn a_place_is_named_as_far_as_it_is_known() {
        let partition = Place::partition("t", 2, 0);
        assert_eq!(partition.to_string(), "t/2");
        assert_eq!(partition.offsets(4, 4).to_string(), "t/2 offset 4");
        let later = Place::partition("t", 2, 1);
        assert_eq!(
            later.offsets(4, 9).to_string(),
            "t/2 generation 1 offsets 4..9"
        );
        assert_eq!(Place::default().to_string(), "");
        let row = Place::default().row(None, Uuid::nil());
        assert_eq!(
            row.to_string(),
            "notification 00000000-0000-0000-0000-000000000000"
        );
    }
}
