//! Which rows of a batch PostgreSQL refuses, and whose fault that is.
//!
//! A batch is refused as a whole, and diesel does not hand out the error code. So the rows are tried
//! one by one on a connection of their own, in a transaction that is never committed, and each
//! refusal is looked at. Classes of codes: appendix "PostgreSQL Error Codes" of its manual.

use super::batch::BEGIN;
use super::error::RECORD_KEYS;
use super::libpq::{Answer, Connection};
use super::run::HOST_WATCH;
use super::{DatabaseUrl, StoreError, session};
use crate::batch::Batch;
use crate::copy;
use crate::record::PartitionId;

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The record's: data that PostgreSQL cannot hold in this form, or too much of it.
    Record,
    /// Something the operator has added: a constraint, a trigger.
    Addition,
    /// Nobody's: the position is recorded already.
    Recorded,
}

/// A row that PostgreSQL refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its partition.
    pub id: PartitionId,
    /// Which row of the slice.
    pub row: usize,
    /// Its offset.
    pub offset: i64,
    /// Whose fault it is.
    pub fault: Fault,
    /// The server's words: code, message, constraint.
    pub words: String,
}

/// How many rows of a slice are tried behind the first that is refused: the slice ends before that
/// one, and further ones found now spare a round.
const FURTHER_ROWS: usize = 500;

/// Tries the rows of a batch without writing any, for as long as `goes_on` says. An error is the
/// environment's: nothing is known of the rows. `None` where it was told to end.
pub(super) fn batch_try(
    url: &DatabaseUrl,
    batch: &Batch,
    goes_on: &dyn Fn() -> bool,
) -> Result<Option<Vec<Refusal>>, StoreError> {
    let url = session::with_limits(url, "notif-poll");
    let mut conn = Connection::open(url.as_str()).map_err(StoreError::Unreachable)?;
    // a client that vanished is noticed: its rows lock the positions of the batch
    script(&mut conn, HOST_WATCH)?;
    script(&mut conn, BEGIN)?;
    script(&mut conn, "SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT row")?;
    let insert = insert_statement();
    let mut refusals: Vec<Refusal> = Vec::new();
    for slice in &batch.slices {
        let mut last = usize::MAX;
        for (row, fields) in slice.rows.iter().enumerate() {
            if row > last {
                break;
            }
            if !goes_on() {
                return Ok(None);
            }
            let answer = conn
                .run(&insert, &fields.to_values())
                .map_err(StoreError::Unreachable)?;
            if answer.is_good() {
                script(&mut conn, "RELEASE row; SAVEPOINT row")?;
                continue;
            }
            last = last.min(row.saturating_add(FURTHER_ROWS));
            refusals.push(Refusal {
                id: slice.id.clone(),
                row,
                offset: fields.offset().unwrap_or_default(),
                fault: fault(&answer)?,
                words: words(&answer),
            });
            script(&mut conn, "ROLLBACK TO row")?;
        }
    }
    Ok(Some(refusals)) // closing the connection undoes it all
}

fn script(conn: &mut Connection, sql: &str) -> Result<(), StoreError> {
    conn.run_script(sql).map_err(StoreError::Refused)
}

fn insert_statement() -> String {
    let names = copy::COLUMNS.join(", ");
    let places: Vec<String> = (1..=copy::COLUMNS.len())
        .map(|place| format!("${place}"))
        .collect();
    format!(
        "INSERT INTO notifications ({names}) VALUES ({})",
        places.join(", ")
    )
}

fn fault(answer: &Answer) -> Result<Fault, StoreError> {
    let code = answer.sqlstate().unwrap_or_default();
    match code.get(..2) {
        Some("22" | "54") => Ok(Fault::Record),
        Some("23")
            if RECORD_KEYS
                .iter()
                .any(|key| answer.constraint().as_deref() == Some(*key)) =>
        {
            Ok(Fault::Recorded)
        }
        Some("23") => Ok(Fault::Addition),
        _ if code == "P0001" => Ok(Fault::Addition),
        _ => Err(StoreError::Refused(words(answer))),
    }
}

fn words(answer: &Answer) -> String {
    let code = answer.sqlstate().unwrap_or_default();
    let message = answer.message().replace('\n', " ");
    match answer.constraint() {
        Some(constraint) => format!("{message} [{code}, constraint {constraint}]"),
        None => format!("{message} [{code}]"),
    }
}
