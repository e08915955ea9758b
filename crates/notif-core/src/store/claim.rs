//! Claims: which run is at which partition.
//!
//! Overlapping runs share the work by session advisory locks, so a killed run's claims are free as
//! soon as its connection is gone. They only save work: what keeps two runs from writing the same
//! record is the fence of the write transaction (`super::commit`).

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool};
use sha2::{Digest, Sha256};

use super::StoreError;
use crate::record::PartitionId;

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Bool)]
    mine: bool,
}

/// Claims partitions for the life of the connection; those that it got.
pub(super) fn partition_claim(
    conn: &mut PgConnection,
    partitions: &[PartitionId],
) -> Result<BTreeSet<PartitionId>, StoreError> {
    if crate::mutated!("claims-off") {
        return Ok(partitions.iter().cloned().collect());
    }
    let keys: Vec<i64> = partitions.iter().map(key).collect();
    let claimed: Vec<Claimed> =
        diesel::sql_query("SELECT key, pg_try_advisory_lock(key) AS mine FROM unnest($1) AS key")
            .bind::<Array<BigInt>, _>(keys)
            .load(conn)?;
    let mine: BTreeSet<i64> = claimed
        .into_iter()
        .filter(|claim| claim.mine)
        .map(|claim| claim.key)
        .collect();
    Ok(partitions
        .iter()
        .filter(|id| mine.contains(&key(id)))
        .cloned()
        .collect())
}

/// Gives claims back.
pub(super) fn partition_release(
    conn: &mut PgConnection,
    partitions: &[PartitionId],
) -> Result<(), StoreError> {
    if partitions.is_empty() {
        return Ok(());
    }
    let keys: Vec<i64> = partitions.iter().map(key).collect();
    diesel::sql_query("SELECT pg_advisory_unlock(key) FROM unnest($1) AS key")
        .bind::<Array<BigInt>, _>(keys)
        .execute(conn)?;
    Ok(())
}

/// The lock's key: eight bytes of a hash, so that no other user of advisory locks in the database is
/// likely to meet it. Two partitions that share one would only wait for each other.
fn key(id: &PartitionId) -> i64 {
    let hash = Sha256::new()
        .chain_update(b"notif claim ")
        .chain_update(id.topic.as_bytes())
        .chain_update(id.partition.to_be_bytes())
        .finalize();
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    i64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_topic_and_partition() {
        let keys = BTreeSet::from([
            key(&PartitionId::new("a", 0)),
            key(&PartitionId::new("a", 1)),
            key(&PartitionId::new("b", 0)),
        ]);
        assert_eq!(keys.len(), 3);
    }
}
