//! Which rows of a batch PostgreSQL refuses, and whose fault that is.
//!
//! A batch is refused as a whole, and diesel does not hand out the error code. So the rows are tried
//! one by one on a connection of their own, in a transaction that is never committed, and each
//! refusal is looked at. Classes of codes: appendix "PostgreSQL Error Codes" of its manual.

use super::libpq::{Answer, Connection};
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

/// Tries the rows of a batch without writing any. An error is the environment's: nothing is known
/// of the rows.
pub(super) fn batch_try(url: &DatabaseUrl, batch: &Batch) -> Result<Vec<Refusal>, StoreError> {
    let url = session::with_limits(url, "notif-poll");
    let mut conn = Connection::open(url.as_str()).map_err(StoreError::Unreachable)?;
    script(
        &mut conn,
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE; \
         SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '20s'",
    )?;
    let insert = insert_statement();
    let mut refusals = Vec::new();
    for slice in &batch.slices {
        for (row, fields) in slice.rows.iter().enumerate() {
            script(&mut conn, "SAVEPOINT row")?;
            let answer = conn
                .run(&insert, &fields.to_values())
                .map_err(StoreError::Unreachable)?;
            if answer.is_good() {
                script(&mut conn, "RELEASE row")?;
                continue;
            }
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
    Ok(refusals) // closing the connection undoes it all
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
