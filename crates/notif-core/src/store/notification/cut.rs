//! A page that ends by its bytes: wraps a query for rows of `notifications`.
//!
//! The rows that are cut off must not cost what they hold: an `event` lies outside its row when it
//! is large, and is fetched only when it is looked at. So the sum runs over `event_bytes`, and
//! `event` is turned into text for the rows that stay.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool};

use super::row::{ROW, RowSql, SMALL_ROW};
use crate::query::{Direction, PAGE_EVENT_BYTES};

/// `rows`, which must select the columns of `Notification` and `event_bytes`, cut to a page; each
/// row with whether another one follows it.
pub(super) struct Cut<Q> {
    rows: Q,
    direction: Direction,
    limit: i64,
    is_small: bool,
    bytes: i64,
}

impl<Q> Cut<Q> {
    pub(super) fn new(rows: Q, direction: Direction, limit: u32) -> Self {
        Self {
            rows,
            direction,
            limit: limit.into(),
            is_small: false,
            bytes: PAGE_EVENT_BYTES.into(),
        }
    }

    /// The same page where it is small. Where the events of its rows, and of the row behind it, have more
    /// than 64 KiB, each of its rows has an empty one, which is no JSON.
    pub(super) fn small(self) -> Self {
        Self {
            is_small: true,
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
        let (columns, frame) = if self.is_small {
            (SMALL_ROW, "AND UNBOUNDED FOLLOWING")
        } else {
            (ROW, "AND CURRENT ROW")
        };
        out.push_sql("SELECT ");
        out.push_sql(columns);
        out.push_sql(
            ", more FROM (SELECT *, lead(notification_id) OVER page IS NOT NULL AS more, \
             sum(event_bytes) OVER (page ROWS BETWEEN UNBOUNDED PRECEDING ",
        );
        out.push_sql(frame);
        out.push_sql(") AS bytes FROM (");
        self.rows.walk_ast(out.reborrow())?;
        out.push_sql(") AS found WINDOW page AS (ORDER BY notification_id ");
        out.push_sql(direction);
        out.push_sql(")) AS measured");
        if !self.is_small {
            // the first row is served however large it is: there would be no way past it
            out.push_sql(" WHERE bytes = event_bytes OR bytes <= ");
            out.push_bind_param::<BigInt, _>(&self.bytes)?;
        }
        out.push_sql(" ORDER BY notification_id ");
        out.push_sql(direction);
        out.push_sql(" LIMIT ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        Ok(())
    }
}
