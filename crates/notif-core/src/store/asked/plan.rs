//! Plans as text, of sessions as the API has them.

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use notif_testbed::Postgres;

use super::SESSION;
use crate::store::{Read, StoreError};

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// What this EXPLAIN prints.
pub(in crate::store) fn explained(conn: &mut PgConnection, explain: &str) -> String {
    let lines: Vec<PlanLine> = diesel::sql_query(explain).load(conn).unwrap();
    let lines: Vec<_> = lines.into_iter().map(|line| line.line).collect();
    lines.join("\n")
}

/// Prepares a read as `asked`; its bound values have these types.
pub(in crate::store) fn prepare<T: 'static>(
    conn: &mut PgConnection,
    read: Result<Read<T>, StoreError>,
    types: &str,
) {
    let sql = read.unwrap().split().0.sql;
    let prepare = match types {
        "" => format!("PREPARE asked AS {sql}"),
        _ => format!("PREPARE asked ({types}) AS {sql}"),
    };
    conn.batch_execute(&prepare).unwrap();
}

/// The plan of a read whose bound values have these types, in tables that PostgreSQL knows nothing
/// about.
pub(in crate::store) fn plan<T: 'static>(
    read: Result<Read<T>, StoreError>,
    types: &[&str],
) -> String {
    let database = Postgres::shared().create_database().unwrap();
    let mut conn = database.connect().unwrap();
    conn.batch_execute(SESSION).unwrap();
    prepare(&mut conn, read, &types.join(", "));
    let execute = match types {
        [] => "EXPLAIN EXECUTE asked".to_owned(),
        _ => format!(
            "EXPLAIN EXECUTE asked ({})",
            vec!["NULL"; types.len()].join(", ")
        ),
    };
    explained(&mut conn, &execute)
}
