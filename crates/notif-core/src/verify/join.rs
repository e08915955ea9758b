//! Rows and records side by side, both in the order of their offsets: which records have no row, and
//! which record belongs to a row.
//!
//! One record is held at a time.

use crate::record::Record;

/// Records that come in the order of their offsets, while rows go by.
#[derive(Debug)]
pub struct Join<R> {
    records: R,
    /// The next record, where it was taken already.
    ahead: Option<Record>,
}

impl<R, E> Join<R>
where
    R: Iterator<Item = Result<Record, E>>,
{
    /// Nothing was taken of `records` yet.
    pub fn new(records: R) -> Self {
        Self {
            records,
            ahead: None,
        }
    }

    /// The record at `offset`, where there is one. Those before it, which have no row, go to `alone`.
    pub fn at(&mut self, offset: i64, mut alone: impl FnMut(&Record)) -> Result<Option<Record>, E> {
        while let Some(record) = self.take()? {
            if record.offset == offset {
                return Ok(Some(record));
            }
            if record.offset > offset {
                self.ahead = Some(record);
                break;
            }
            alone(&record);
        }
        Ok(None)
    }

    /// Behind the last row: the records that are left have none either.
    pub fn finish(&mut self, mut alone: impl FnMut(&Record)) -> Result<(), E> {
        while let Some(record) = self.take()? {
            alone(&record);
        }
        Ok(())
    }

    /// Where the records come from.
    pub fn source(&mut self) -> &mut R {
        &mut self.records
    }

    fn take(&mut self) -> Result<Option<Record>, E> {
        match self.ahead.take() {
            Some(record) => Ok(Some(record)),
            None => self.records.next().transpose(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "differences of sets")]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::record::{PartitionId, RecordTime};

    fn records(offsets: &BTreeSet<i64>) -> impl Iterator<Item = Result<Record, Infallible>> {
        offsets.iter().map(|offset| {
            Ok(Record {
                partition: PartitionId::new("t", 0),
                offset: *offset,
                time: RecordTime::Unknown,
                key: None,
                headers: Vec::new(),
                value: None,
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_record_meets_its_row_or_is_told_to_be_alone(
            in_kafka in prop::collection::btree_set(0..80_i64, 0..60),
            in_rows in prop::collection::btree_set(0..80_i64, 0..60),
        ) {
            let mut join = Join::new(records(&in_kafka));
            let (mut alone, mut met) = (BTreeSet::new(), BTreeSet::new());
            for row in &in_rows {
                let record = join.at(*row, |record| { alone.insert(record.offset); }).unwrap();
                if let Some(record) = record {
                    prop_assert_eq!(record.offset, *row);
                    met.insert(*row);
                }
            }
            join.finish(|record| { alone.insert(record.offset); }).unwrap();
            prop_assert_eq!(alone, &in_kafka - &in_rows);
            prop_assert_eq!(met, &in_kafka & &in_rows);
        }
    }

    #[test]
    fn an_error_is_handed_on() {
        let mut join = Join::new(std::iter::once(Err("lost")));
        assert_eq!(join.at(3, |_| {}), Err("lost"));
    }
}
