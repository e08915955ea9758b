//! The rows that a filter shows, newest first.
//!
//! There is an index for some filters and not for all combinations of them, so a page is read in
//! the order of one index and what does not fit is passed over, up to a bound:
//!
//! 1. *examined*: rows in the order of their ids, from the index of the most selective filter that
//!    has one ([`Access`]), within the bounds on the id; at most `examined_max` of them;
//! 2. *numbered*: each with its place, and whether the whole filter shows it;
//! 3. *found*: those that are shown, one more than the page has room for, and the one at which the
//!    bound is reached, shown or not: it is where the next page begins;
//! 4. *measured*: cut where their events pass the bytes of a page, as in `cut.rs`.
//!
//! Each step takes its rows one by one from the one before, in the same order, and stops it when it
//! has enough: nothing is sorted, and a page whose rows all fit examines no others. `event` is
//! looked at for the rows that are served.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};

use super::super::{Read, StoreError, read};
use super::row::{ROW, RowSql, row_columns};
use crate::filter::{EVENT_TYPES_MAX, Filter, STATUS_CAPTURED};
use crate::notification::Notification;
use crate::query::{FilteredQuery, PAGE_EVENT_BYTES, Page};

/// The index that the rows of a filter are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// By an equality, written as a condition.
    Equal(&'static str),
    /// By event type: so many places in the array of types, whose rows are merged.
    EventTypes(usize),
    /// By the id alone.
    Id,
}

impl Access {
    /// The first that there is of: order, correlation, runner, customer, uncommon status, event
    /// types. In a campus' traffic each of them has more rows than the one before. Everything else
    /// is read along the primary key.
    fn of(filter: &Filter, event_types: Option<&[String]>) -> Self {
        if filter.order_id.is_some() {
            Self::Equal("order_id = $3")
        } else if filter.correlation_id.is_some() {
            Self::Equal("correlation_id = $4")
        } else if filter.runner_id.is_some() {
            Self::Equal("runner_id = $5")
        } else if filter.customer_id.is_some() {
            Self::Equal("customer_id = $6")
        } else if filter
            .status
            .as_ref()
            .is_some_and(|status| status != STATUS_CAPTURED)
        {
            // the second half is the condition of the index
            Self::Equal("status = $7 AND status <> 'captured'")
        } else if let Some(types) = event_types {
            Self::EventTypes(places(types.len()))
        } else {
            Self::Id
        }
    }

    /// The rows in the order of the index, newest first.
    fn rows(self) -> String {
        match self {
            Self::Equal(condition) => along(&format!("{condition} AND ")),
            Self::Id => along(""),
            Self::EventTypes(1) => along("event_type = ($9)[1] AND "),
            Self::EventTypes(places) => {
                let arms: Vec<String> = (1..=places)
                    .map(|place| along(&format!("event_type = ($9)[{place}] AND ")))
                    .collect();
                // each arm says its order, else PostgreSQL does not see that they can be merged
                let arms = arms.join(") UNION ALL (");
                format!("SELECT * FROM (({arms})) AS merged ORDER BY notification_id DESC")
            }
        }
    }
}

/// How many places a statement has for so many types: few different statements, each prepared
/// once. A place without a type is NULL and finds nothing.
fn places(types: usize) -> usize {
    types.next_power_of_two().min(EVENT_TYPES_MAX).max(types)
}

fn along(condition: &str) -> String {
    const COLUMNS: &str = row_columns!("event");
    format!(
        "SELECT {COLUMNS}, event_bytes FROM notifications \
         WHERE {condition}notification_id >= $1 AND notification_id < $2 \
         ORDER BY notification_id DESC"
    )
}

/// The whole filter; a value that is not asked for is NULL.
const FITS: &str = "(($3 IS NULL OR order_id = $3) \
     AND ($4 IS NULL OR correlation_id = $4) \
     AND ($5 IS NULL OR runner_id = $5) \
     AND ($6 IS NULL OR customer_id = $6) \
     AND ($7 IS NULL OR status = $7) \
     AND ($8 IS NULL OR source_service = $8) \
     AND ($9 IS NULL OR event_type = ANY ($9)) \
     AND ($10 IS NULL OR source_topic = ANY ($10))) IS TRUE";

/// [`FITS`], but for a deliberate defect.
fn fits() -> String {
    if crate::mutated!("api-filter-dropped") {
        FITS.replace("$8 IS NULL OR ", "$8 IS NULL OR TRUE OR ")
    } else {
        FITS.to_owned()
    }
}

fn statement(access: Access) -> String {
    // the row at the bound may be one that is not shown: its event is not asked for
    const FOUND: &str = row_columns!("CASE WHEN fits THEN event ELSE 'null' END AS event");
    let (examined, fits) = (access.rows(), fits());
    format!(
        "SELECT {ROW}, fits, more, bound FROM (\
           SELECT *, lead(notification_id) OVER page IS NOT NULL AS more, \
             sum(event_bytes) OVER (page ROWS UNBOUNDED PRECEDING) AS bytes \
           FROM (\
             SELECT {FOUND}, CASE WHEN fits THEN event_bytes ELSE 0 END AS event_bytes, fits, \
               place = $11 AS bound \
             FROM (\
               SELECT *, row_number() OVER (ORDER BY notification_id DESC) AS place, \
                 {fits} AS fits \
               FROM ({examined} LIMIT $11) AS examined) AS numbered \
             WHERE fits OR place = $11 \
             ORDER BY notification_id DESC LIMIT $12 + 1) AS found \
           WINDOW page AS (ORDER BY notification_id DESC)) AS measured \
         WHERE bytes = event_bytes OR bytes <= $13 \
         ORDER BY notification_id DESC LIMIT $12"
    )
}

/// One page of the rows that a filter shows. One statement, whose price is that of the rows that it
/// examines.
pub fn notification_filtered(query: &FilteredQuery) -> Result<Read<Page>, StoreError> {
    let filter = &query.filter;
    let event_types = query.event_types.as_deref();
    let (from, until) = filter.id_bounds();
    let to = query.after.map_or(until, |after| after.min(until));
    let topics: Vec<&str> = filter.topics.iter().map(String::as_str).collect();
    let statement = diesel::sql_query(statement(Access::of(filter, event_types)))
        .bind::<SqlUuid, _>(from)
        .bind::<SqlUuid, _>(to)
        .bind::<Nullable<Text>, _>(&filter.order_id)
        .bind::<Nullable<Text>, _>(&filter.correlation_id)
        .bind::<Nullable<Text>, _>(&filter.runner_id)
        .bind::<Nullable<Text>, _>(&filter.customer_id)
        .bind::<Nullable<Text>, _>(&filter.status)
        .bind::<Nullable<Text>, _>(&filter.service)
        .bind::<Nullable<Array<Text>>, _>(event_types)
        .bind::<Nullable<Array<Text>>, _>((!topics.is_empty()).then_some(topics))
        .bind::<BigInt, _>(i64::from(query.examined_max))
        .bind::<BigInt, _>(i64::from(query.limit))
        .bind::<BigInt, _>(i64::from(PAGE_EVENT_BYTES));
    let found =
        read::all_of::<(RowSql, Bool, Bool, Bool), (Notification, bool, bool, bool)>(&statement)?;
    Ok(found.and_then(|found| {
        let last = found.last().filter(|(_, _, more, bound)| *more || *bound);
        Ok(Page {
            end: last.map(|(row, ..)| row.notification_id),
            notifications: found
                .into_iter()
                .filter_map(|(row, fits, ..)| fits.then_some(row))
                .collect(),
        })
    }))
}

/// The recorded event types that begin with one of these texts, of which none may begin with
/// another: at most one more than [`EVENT_TYPES_MAX`].
///
/// It jumps in the index from one type to the next, so that its price is that of the types and not
/// of their rows.
pub fn event_types_like(prefixes: &[&str]) -> Result<Read<Vec<String>>, StoreError> {
    let statement = diesel::sql_query(
        "SELECT CAST(found.event_type AS text) FROM unnest($1) AS asked (prefix) \
         CROSS JOIN LATERAL (\
           WITH RECURSIVE jump (event_type) AS (\
             (SELECT event_type FROM notifications WHERE event_type >= asked.prefix \
              ORDER BY event_type LIMIT 1) \
             UNION ALL \
             SELECT (SELECT later.event_type FROM notifications AS later \
                     WHERE later.event_type > jump.event_type \
                     ORDER BY later.event_type LIMIT 1) \
             FROM jump WHERE starts_with(jump.event_type, asked.prefix)) \
           SELECT event_type FROM jump WHERE starts_with(event_type, asked.prefix)) AS found \
         LIMIT $2",
    )
    .bind::<Array<Text>, _>(prefixes)
    .bind::<BigInt, _>(
        i64::try_from(EVENT_TYPES_MAX)
            .unwrap_or(i64::MAX)
            .saturating_add(1),
    );
    read::all_of::<Text, String>(&statement)
}
