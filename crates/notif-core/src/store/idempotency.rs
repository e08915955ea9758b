//! Keys that clients give their requests, so that one that is sent twice is done once.
//!
//! A key is stored in the transaction of what it made: there is no moment at which one is there
//! without the other. Who works on a key holds an advisory lock until that transaction is over, so
//! that another one with the same key is told so at once, instead of waiting with a connection in
//! its hands for a row that it cannot see. The lock is of the transaction, so a client that vanishes
//! leaves none behind, and a pooler in transaction mode does not matter.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::StoreError;

/// A key, and whose it is: the same key of two principals is two keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Who asks; at most 255 characters.
    pub principal: String,
    /// What they called their request; at most 255 characters.
    pub key: String,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing: it is stored now, and the request is to be done.
    New,
    /// This request was done with it, and made this notification.
    Done(Uuid),
    /// Another request was done with it.
    OfAnother,
    /// A transaction that is still open works on it.
    InUse,
}

/// How long a key is kept. Younger ones are never removed; older ones count as not there, whether
/// they are removed yet or not.
const EXPIRED: &str = "created_at < now() - interval '24 hours'";

/// The hash of a request: of its JSON as PostgreSQL prints it, which is the same however it was
/// spaced, escaped and ordered.
const HASH: &str = "sha256(convert_to($3::jsonb::text, 'UTF8'))";

/// Looks a key up, and stores it where it is new: `request` (JSON) is being done with it, and makes
/// the notification `id`.
pub(super) fn key_claim_in_txn(
    conn: &mut PgConnection,
    key: &IdempotencyKey,
    request: &str,
    id: Uuid,
) -> Result<Claim, StoreError> {
    if !lock(conn, key)? {
        return Ok(Claim::InUse);
    }
    if crate::mutated!("api-key-forgotten") || insert(conn, key, request, id)? {
        return Ok(Claim::New);
    }
    match find(conn, key, request)? {
        Some(found) if !found.expired => Ok(if found.same {
            Claim::Done(found.notification_id)
        } else {
            Claim::OfAnother
        }),
        // its day is over, or somebody has just removed it for that reason: with the lock in our
        // hands nobody else stores it
        _ => {
            delete_expired(conn, key)?;
            if insert(conn, key, request, id)? {
                Ok(Claim::New)
            } else {
                Err(StoreError::Refused(
                    "an expired key could not be replaced".to_owned(),
                ))
            }
        }
    }
}

/// Removes keys whose day is over, the oldest first; how many. The caller bounds the work.
pub(super) fn key_prune(conn: &mut PgConnection, limit: i64) -> Result<usize, StoreError> {
    let removed = diesel::sql_query(prune_statement())
        .bind::<BigInt, _>(limit)
        .execute(conn)?;
    Ok(removed)
}

/// By place in the table, which is found by the index on the time: no join, no sort.
fn prune_statement() -> String {
    format!(
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM idempotency_keys WHERE {EXPIRED} ORDER BY created_at LIMIT $1))"
    )
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    mine: bool,
}

fn lock(conn: &mut PgConnection, key: &IdempotencyKey) -> Result<bool, StoreError> {
    let locked: Locked = diesel::sql_query("SELECT pg_try_advisory_xact_lock($1) AS mine")
        .bind::<BigInt, _>(lock_number(key))
        .get_result(conn)?;
    Ok(locked.mine)
}

/// Eight bytes of a hash, so that no other user of advisory locks is likely to meet it. Two keys that
/// share one would only wait for each other.
fn lock_number(key: &IdempotencyKey) -> i64 {
    let hash = Sha256::new()
        .chain_update(b"notif idempotency ")
        .chain_update(key.principal.as_bytes())
        // neither holds a NUL
        .chain_update(b"\0")
        .chain_update(key.key.as_bytes())
        .finalize();
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    i64::from_be_bytes(bytes)
}

fn insert(
    conn: &mut PgConnection,
    key: &IdempotencyKey,
    request: &str,
    id: Uuid,
) -> Result<bool, StoreError> {
    let sql = format!(
        "INSERT INTO idempotency_keys (principal, key, request_sha256, notification_id) \
         VALUES ($1, $2, {HASH}, $4) ON CONFLICT DO NOTHING"
    );
    let inserted = diesel::sql_query(sql)
        .bind::<Text, _>(&key.principal)
        .bind::<Text, _>(&key.key)
        .bind::<Text, _>(request)
        .bind::<SqlUuid, _>(id)
        .execute(conn)?;
    Ok(inserted == 1)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    same: bool,
    #[diesel(sql_type = SqlUuid)]
    notification_id: Uuid,
    #[diesel(sql_type = Bool)]
    expired: bool,
}

fn find(
    conn: &mut PgConnection,
    key: &IdempotencyKey,
    request: &str,
) -> Result<Option<Found>, StoreError> {
    let sql = format!(
        "SELECT request_sha256 = {HASH} AS same, notification_id, {EXPIRED} AS expired \
         FROM idempotency_keys WHERE principal = $1 AND key = $2"
    );
    let found = diesel::sql_query(sql)
        .bind::<Text, _>(&key.principal)
        .bind::<Text, _>(&key.key)
        .bind::<Text, _>(request)
        .get_result(conn)
        .optional()?;
    Ok(found)
}

fn delete_expired(conn: &mut PgConnection, key: &IdempotencyKey) -> Result<(), StoreError> {
    let sql =
        format!("DELETE FROM idempotency_keys WHERE principal = $1 AND key = $2 AND {EXPIRED}");
    diesel::sql_query(sql)
        .bind::<Text, _>(&key.principal)
        .bind::<Text, _>(&key.key)
        .execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use notif_testbed::Postgres;

    use super::*;
    use crate::store::asked::plan::explained;
    use crate::store::pool::SESSION;

    #[test]
    fn old_keys_are_found_by_their_time() {
        let database = Postgres::shared().create_database().unwrap();
        let mut conn = database.connect().unwrap();
        conn.batch_execute(SESSION).unwrap();
        let sql = format!("EXPLAIN {}", prune_statement().replace("$1", "1000"));
        let plan = explained(&mut conn, &sql);
        assert!(plan.contains("using idempotency_keys_created"), "{plan}");
        assert!(plan.contains("Tid Scan"), "{plan}");
        for slow in ["Sort", "Seq Scan", "Bitmap", "Join"] {
            assert!(!plan.contains(slow), "{slow}: {plan}");
        }
    }

    #[test]
    fn locks_differ_by_principal_and_key() {
        let number = |principal: &str, key: &str| {
            lock_number(&IdempotencyKey {
                principal: principal.to_owned(),
                key: key.to_owned(),
            })
        };
        assert_eq!(number("a", "b"), number("a", "b"));
        assert_ne!(number("a", "b"), number("ab", ""));
        assert_ne!(number("a", "b"), number("b", "a"));
        assert_ne!(number("a", "b"), number("a", "c"));
    }
}
