//! The id is the order.
#![expect(clippy::arithmetic_side_effects, reason = "sums of small constants")]

use notif_core::notification_id::{PartitionHash, lower_bound, manual, occurred_at_ms, recorded};
use proptest::prelude::*;
use uuid::{Uuid, Variant};

const MAX_MS: i64 = (1 << 48) - 1;

#[test]
fn the_bits_are_those_of_the_design() {
    // SHA-256 of 00 0c "order-events" 00000002 00000003 begins with 96 d5 8a 92 ff
    let id = recorded(0x0123_4567_89ab, "order-events", 2, 3, 0x7f_1234_5678);
    assert_eq!(id.to_string(), "01234567-89ab-896d-962a-4b7f12345678");
    assert_eq!(id.get_version_num(), 8);
    assert_eq!(id.get_variant(), Variant::RFC4122);
    assert_eq!(occurred_at_ms(id), 0x0123_4567_89ab);
}

#[test]
fn only_the_low_bits_of_the_offset_count() {
    let hash = PartitionHash::new("t", 0, 0);
    let low = |id: Uuid| id.as_u128() & ((1 << 40) - 1);
    assert_eq!(low(hash.id(0, (1 << 40) - 1)), (1 << 40) - 1);
    assert_eq!(hash.id(0, 1 << 40), hash.id(0, 0));
    assert_eq!(low(hash.id(0, i64::MAX)), (1 << 40) - 1);
}

#[test]
fn topic_generation_and_partition_all_count() {
    let base = PartitionHash::new("orders", 0, 0);
    for other in [
        PartitionHash::new("orders-", 0, 0),
        PartitionHash::new("orders", 1, 0),
        PartitionHash::new("orders", 0, 1),
    ] {
        assert_ne!(base.id(0, 0), other.id(0, 0));
    }
}

#[test]
fn times_beyond_the_bits_count_as_the_nearest() {
    let hash = PartitionHash::new("t", 0, 0);
    assert_eq!(hash.id(-1, 7), hash.id(0, 7));
    assert_eq!(hash.id(i64::MAX, 7), hash.id(MAX_MS, 7));
    assert_eq!(lower_bound(i64::MIN), lower_bound(0));
    assert_eq!(occurred_at_ms(lower_bound(i64::MAX)), MAX_MS);
}

#[test]
fn a_manual_id_is_a_uuid_v7() {
    let id = manual(1_700_000_000_123, [0xff; 10]);
    assert_eq!(id.to_string(), "018bcfe5-687b-7fff-bfff-ffffffffffff");
    assert_eq!(occurred_at_ms(id), 1_700_000_000_123);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ids_sort_by_time_then_within_a_partition_by_offset(
        (first, second) in ((0..=MAX_MS, 0..1_i64 << 40), (0..=MAX_MS, 0..1_i64 << 40)),
        (topic, generation, partition) in ("[a-z_.-]{1,249}", any::<i32>(), any::<i32>()),
    ) {
        let hash = PartitionHash::new(&topic, generation, partition);
        let id = |(ms, offset): (i64, i64)| hash.id(ms, offset);
        prop_assert_eq!(id(first).cmp(&id(second)), first.cmp(&second));
        let same_ms = (first.0, second.1);
        prop_assert_eq!(id(first).cmp(&id(same_ms)), first.1.cmp(&second.1));
    }

    #[test]
    fn partitions_sort_by_time_too(ms in 0..MAX_MS, offsets: (i64, i64), random: [u8; 10]) {
        let (one, other) = (PartitionHash::new("a", 0, 0), PartitionHash::new("b", 0, 1));
        prop_assert!(one.id(ms, offsets.0) < other.id(ms + 1, offsets.1));
        prop_assert!(other.id(ms, offsets.0) < one.id(ms + 1, offsets.1));
        prop_assert!(one.id(ms, offsets.0) < manual(ms + 1, random));
        prop_assert!(manual(ms, random) < one.id(ms + 1, offsets.1));
    }

    #[test]
    fn a_bound_in_time_is_a_bound_on_ids(ms in 1..MAX_MS, offset: i64, random: [u8; 10]) {
        let hash = PartitionHash::new("t", 0, 0);
        for earlier in [hash.id(ms - 1, offset), manual(ms - 1, random)] {
            prop_assert!(earlier < lower_bound(ms));
        }
        for id in [hash.id(ms, offset), manual(ms, random)] {
            prop_assert!(id >= lower_bound(ms));
            prop_assert_eq!(occurred_at_ms(id), ms);
        }
    }

    #[test]
    fn the_same_record_has_the_same_id(ms: i64, offset: i64, partition: i32, generation: i32) {
        let id = recorded(ms, "order_events", generation, partition, offset);
        prop_assert_eq!(id, PartitionHash::new("order_events", generation, partition).id(ms, offset));
        prop_assert_eq!(id.get_version_num(), 8);
        prop_assert_eq!(id.get_variant(), Variant::RFC4122);
    }
}
