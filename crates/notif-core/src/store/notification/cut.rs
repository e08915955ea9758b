//! A page that ends by its bytes: wraps a query for rows of `notifications`.
//!
//! The rows that are cut off must not cost what they hold: an `event` lies outside its row when it
//! is large, and is fetched only when it is looked at. So the sum runs over `event_bytes`, and
//! `event` is turned into text for the rows that stay.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool};

use super::row::{ROW, RowSql, row_columns};
use crate::query::{Direction, PAGE_EVENT_BYTES};

/// A small page has at most so many bytes of events, as text.
macro_rules! small {
    () => {
        131072
    };
}

/// The columns where an event that alone is more than a small page has is not looked at, but empty.
const SMALL_ROW: &str = row_columns!(concat!(
    "CASE WHEN bytes <= ",
    small!(),
    " THEN CAST(event AS text) ELSE '' END"
));

/// `rows`, which must select the columns of `Notification` and `event_bytes`, cut to a page; each
/// row with whether another one follows it.
pub(super) struct Cut<Q> {
    rows: Q,
    direction: Direction,
    limit: i64,
    columns: &'static str,
    bytes: i64,
}

impl<Q> Cut<Q> {
    pub(super) fn new(rows: Q, direction: Direction, limit: u32) -> Self {
        Self {
            rows,
            direction,
            limit: limit.into(),
            columns: ROW,
            bytes: PAGE_EVENT_BYTES.into(),
        }
    }

    /// The same cut to 128 KiB. A first row with more than that has an empty event, which is no JSON.
    pub(super) fn small(self) -> Self {
        Self {
            columns: SMALL_ROW,
            bytes: small!(),
            ..self
        }
    }
}

// What it says depends on the direction, so it is known by its text and not by its type.
impl<Q> QueryId for Cut<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Cut<Q> {
    /// The columns of `Notification`, and `more`.
    type SqlType = (RowSql, Bool);
}

impl<Q> RunQueryDsl<PgConnection> for Cut<Q> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Cut<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let direction = match self.direction {
            Direction::OldestFirst => "ASC",
            Direction::NewestFirst => "DESC",
        };
        out.push_sql("SELECT ");
        out.push_sql(self.columns);
        out.push_sql(
            ", more FROM (SELECT *, lead(notification_id) OVER page IS NOT NULL AS more, \
             sum(event_bytes) OVER (page ROWS UNBOUNDED PRECEDING) AS bytes \
             FROM (",
        );
        self.rows.walk_ast(out.reborrow())?;
        out.push_sql(") AS found WINDOW page AS (ORDER BY notification_id ");
        out.push_sql(direction);
        // the first row is served however large it is: there would be no way past it
        out.push_sql(")) AS measured WHERE bytes = event_bytes OR bytes <= ");
        out.push_bind_param::<BigInt, _>(&self.bytes)?;
        out.push_sql(" ORDER BY notification_id ");
        out.push_sql(direction);
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}
