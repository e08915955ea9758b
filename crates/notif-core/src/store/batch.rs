//! The write transaction's number, and the order in which readers may see transactions.
//!
//! A sequence is no such order: it is asked at the start of a transaction, so number 3 may become
//! visible after a reader has already gone past 4, and a reader that goes by it skips row 3 for
//! ever. `commit_seq` is taken from the one counter row of `recorder_state` as the *last* thing
//! before COMMIT. The row lock that this takes is held until the commit is over, so whoever takes
//! the next number commits later: numbers become visible in their order, and a reader that has seen
//! n will never find a new row at or below n.
//!
//! That lock is why [`commit`] is one message with COMMIT in it: between two messages a stalled or
//! killed client would hold every other writer up.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::StoreError;

/// Begins a write transaction whose limits hold whatever the server's defaults are.
///
/// A lock is waited for 5 s, a statement runs 20 s, and a client that stalls inside loses the transaction
/// after 10 s. Read committed: the offset rows are locked, so nothing stronger is needed, and a
/// server that defaults to serializable would only add failures.
pub fn begin(conn: &mut PgConnection) -> Result<(), StoreError> {
    conn.batch_execute(BEGIN)?;
    Ok(())
}

/// Begins the write transaction of a client who waits for it: no statement runs longer than 5 s.
///
/// A lock's limit alone would not see to that. Behind another one who waits for the same row, the turn
/// to wait is a lock of its own, so that the third in a queue may wait three times as long.
pub fn begin_by_hand(conn: &mut PgConnection) -> Result<(), StoreError> {
    conn.batch_execute(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
         SET LOCAL lock_timeout = '5s'; \
         SET LOCAL statement_timeout = '5s'; \
         SET LOCAL idle_in_transaction_session_timeout = '10s'",
    )?;
    Ok(())
}

/// What [`begin`] sends.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL lock_timeout = '5s'; \
    SET LOCAL statement_timeout = '20s'; \
    SET LOCAL idle_in_transaction_session_timeout = '10s'";

#[derive(QueryableByName)]
struct BatchId {
    #[diesel(sql_type = BigInt)]
    batch_id: i64,
}

/// Takes the number of a write transaction.
pub fn batch_id_take_in_txn(conn: &mut PgConnection) -> Result<i64, StoreError> {
    let row: BatchId =
        diesel::sql_query("SELECT nextval('batches_batch_id_seq') AS batch_id").get_result(conn)?;
    Ok(row.batch_id)
}

/// Ends the write transaction begun by [`begin`]: commit sequence, `batches`, COMMIT in one message.
///
/// Without its counter row it fails, because `commit_seq` is not null: rows that no batch tells of
/// must not become visible. After an error the transaction may or may not be committed where the connection
/// broke: whoever goes on must read the offsets again.
pub fn commit(
    conn: &mut PgConnection,
    batch_id: i64,
    run_id: Option<i64>,
    rows: usize,
) -> Result<(), StoreError> {
    let run_id = run_id.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
    let commit_seq = if crate::mutated!("commit-seq-early") {
        // taken at the start of the transaction, as `batch_id` was
        batch_id.to_string()
    } else {
        "(SELECT commit_seq FROM counter)".to_owned()
    };
    conn.batch_execute(&format!(
        "WITH counter AS (UPDATE recorder_state SET commit_seq = commit_seq + 1 RETURNING commit_seq) \
         INSERT INTO batches (batch_id, commit_seq, run_id, committed_at, rows) \
         VALUES ({batch_id}, {commit_seq}, {run_id}, clock_timestamp(), {rows}); \
         COMMIT"
    ))?;
    Ok(())
}

/// Gives a transaction up after an error. The error that led here is the one to tell, so a failure
/// to roll back is only logged: the connection is given up next.
pub fn rollback(conn: &mut PgConnection) {
    if let Err(error) = conn.batch_execute("ROLLBACK") {
        log::debug!("rollback failed: {error}");
    }
}

/// Does `work` in a transaction that writes no notification, so that no reader waits for a number of
/// it; gives it up where it fails.
pub fn without_rows<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    begin(conn)?;
    let outcome = work(conn).and_then(|done| {
        conn.batch_execute("COMMIT")?;
        Ok(done)
    });
    if outcome.is_err() {
        rollback(conn);
    }
    outcome
}
