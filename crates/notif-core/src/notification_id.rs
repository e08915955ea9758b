//! The id is the order: what the bits of a notification's id say.
//!
//! A recorded row's id is a UUIDv8:
//!
//! | bits | what |
//! |---|---|
//! | 48 | `occurred_at`, milliseconds since 1970 |
//! | 4 | version, 8 |
//! | 12 | the high bits of h |
//! | 2 | variant |
//! | 22 | the low bits of h |
//! | 40 | the low bits of the record's offset |
//!
//! h is the first 34 bits of SHA-256 over topic, generation and partition ([`PartitionHash`]). So
//! ids sort as the time they happened, records of one partition within one millisecond sort by
//! offset, and the same record has the same id whenever it is recorded. A manual row's id is a
//! UUIDv7, which begins with the same 48 bits; hence a bound in time is a bound on ids
//! ([`lower_bound`]) for all rows.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The largest time that an id has room for (in the year 10889), milliseconds since 1970.
const MAX_MILLIS: u64 = (1 << 48) - 1;
/// Bits of the offset that are in an id.
const OFFSET_BITS: u32 = 40;
/// Where the low part of h is within the id's low half.
const HASH_LOW_BITS: u32 = 22;
/// Where the time is within an id.
const MILLIS_SHIFT: u32 = 80;

/// Names one life of one partition in its records' ids: 34 bits of SHA-256 over length of the
/// topic (u16), topic, generation (u32) and partition (u32), numbers in network order.
///
/// Computed once a partition, so that no record costs a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartitionHash {
    /// The id's bits between time and variant, in place, version included.
    high: u128,
    /// The id's bits between variant and offset, in place, variant included.
    low: u128,
}

impl PartitionHash {
    /// The hash of partition `partition` of `topic` in its life `generation`.
    pub fn new(topic: &str, generation: i32, partition: i32) -> Self {
        // a topic's name has at most 249 bytes
        let length = u16::try_from(topic.len()).unwrap_or(u16::MAX);
        let digest = Sha256::new()
            .chain_update(length.to_be_bytes())
            .chain_update(topic)
            .chain_update(generation.to_be_bytes())
            .chain_update(partition.to_be_bytes())
            .finalize();
        let first_34_bits = digest
            .iter()
            .take(5)
            .fold(0_u128, |bits, &byte| (bits << 8) | u128::from(byte))
            >> 6;
        let high_12_bits = first_34_bits >> HASH_LOW_BITS;
        let low_22_bits = first_34_bits & ((1 << HASH_LOW_BITS) - 1);
        Self {
            high: (8 << 76) | (high_12_bits << 64),
            low: (0b10 << 62) | (low_22_bits << OFFSET_BITS),
        }
    }

    /// The id of the partition's record at `offset`, which occurred at `occurred_at_ms`
    /// (milliseconds since 1970; times that an id has no room for count as the nearest that it
    /// has).
    pub fn id(&self, occurred_at_ms: i64, offset: i64) -> Uuid {
        let offset = u128::from(u64::from_be_bytes(offset.to_be_bytes()));
        let offset = offset & ((1 << OFFSET_BITS) - 1);
        Uuid::from_u128(time_bits(occurred_at_ms) | self.high | self.low | offset)
    }
}

/// The id of a recorded row. For many records of one partition, keep a [`PartitionHash`].
pub fn recorded(
    occurred_at_ms: i64,
    topic: &str,
    generation: i32,
    partition: i32,
    offset: i64,
) -> Uuid {
    PartitionHash::new(topic, generation, partition).id(occurred_at_ms, offset)
}

/// The id of a manual row: a UUIDv7 of its time (milliseconds since 1970) and of random bytes,
/// which the caller draws.
pub fn manual(occurred_at_ms: i64, random: [u8; 10]) -> Uuid {
    Builder::from_unix_timestamp_millis(clamped(occurred_at_ms), &random).into_uuid()
}

/// The smallest id of anything that occurred at `ms` (milliseconds since 1970) or later: every id
/// of an earlier time is below it, no id of that time or a later one is.
pub fn lower_bound(ms: i64) -> Uuid {
    Uuid::from_u128(time_bits(ms))
}

/// When the row with this id occurred, milliseconds since 1970.
pub fn occurred_at_ms(id: Uuid) -> i64 {
    i64::try_from(id.as_u128() >> MILLIS_SHIFT).unwrap_or(i64::MAX)
}

fn time_bits(ms: i64) -> u128 {
    u128::from(clamped(ms)) << MILLIS_SHIFT
}

fn clamped(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).min(MAX_MILLIS)
}
