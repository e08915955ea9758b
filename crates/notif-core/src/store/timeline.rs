//! The story of an order: its own rows, and those that share a correlation id with them. What that
//! means is in [`crate::timeline`].
//!
//! One statement, so that all of it is of one instant:
//!
//! 1. *own*: the order's newest rows, one more than a timeline shows;
//! 2. *named*: their correlation ids, newest first, one more than are followed;
//! 3. *linked*: the newest rows of each id, one more than a timeline shows;
//! 4. *ambiguous*: the ids that have as many rows, or one of another order;
//! 5. *events*: the own rows and, of ids that are not ambiguous, the linked ones that name no order,
//!    newest first; then cut to the number and the bytes of a page.
//!
//! Each step is bounded, whatever the data: 2,001 rows of the order, 50 times 2,001 of its
//! correlation ids, and of these only the ids are kept. Whole rows are read for the events.
//! `LIMIT 1` in the last look-up is for the planner: a row is looked up for each event, never the
//! events for each row of the table.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use super::notification::row::{ROW, RowSql, SMALL_EVENT_BYTES, SMALL_ROW, row_columns};
use super::{Read, StoreError, read};
use crate::notification::Notification;
use crate::query::PAGE_EVENT_BYTES;
use crate::timeline::{CORRELATION_IDS_MAX, EVENTS_MAX, Found, Timeline};

#[cfg(test)]
mod tests;

/// How many events a small timeline has at most, and a correlation id that is followed for one.
const SMALL_EVENTS_MAX: u32 = 50;

/// $1 order, $2 events, $3 correlation ids, $4 bytes.
fn statement(row: &str) -> String {
    const COLUMNS: &str = row_columns!("event");
    let is_of_another = if crate::mutated!("api-ambiguity-followed") {
        "FALSE"
    } else {
        "bool_or(order_id <> $1)"
    };
    format!(
        "WITH own AS MATERIALIZED (\
           SELECT notification_id, correlation_id, \
             row_number() OVER (ORDER BY notification_id DESC) AS place \
           FROM (SELECT notification_id, correlation_id FROM notifications \
                 WHERE order_id = $1 ORDER BY notification_id DESC LIMIT $2 + 1) AS newest\
         ), named AS MATERIALIZED (\
           SELECT correlation_id, min(place) AS place FROM own \
           WHERE correlation_id IS NOT NULL AND place <= $2 \
           GROUP BY correlation_id ORDER BY min(place) LIMIT $3 + 1\
         ), linked AS MATERIALIZED (\
           SELECT followed.correlation_id, there.notification_id, there.order_id \
           FROM (SELECT correlation_id FROM named ORDER BY place LIMIT $3) AS followed \
           CROSS JOIN LATERAL (\
             SELECT notification_id, order_id FROM notifications \
             WHERE correlation_id = followed.correlation_id \
             ORDER BY notification_id DESC LIMIT $2 + 1) AS there\
         ), ambiguous AS MATERIALIZED (\
           SELECT correlation_id FROM linked GROUP BY correlation_id \
           HAVING count(*) > $2 OR {is_of_another}\
         ), events AS (\
           SELECT notification_id FROM own \
           UNION ALL \
           SELECT notification_id FROM linked \
           WHERE order_id IS NULL \
             AND correlation_id NOT IN (SELECT correlation_id FROM ambiguous) \
           ORDER BY notification_id DESC LIMIT $2 + 1\
         ) \
         SELECT {row}, more, \
           CASE WHEN place = 1 THEN \
             ARRAY(SELECT CAST(correlation_id AS text) FROM named ORDER BY place) END, \
           CASE WHEN place = 1 THEN \
             ARRAY(SELECT CAST(correlation_id AS text) FROM ambiguous) END \
         FROM (\
           SELECT *, row_number() OVER page AS place, \
             lead(notification_id) OVER page IS NOT NULL AS more, \
             sum(event_bytes) OVER (page ROWS UNBOUNDED PRECEDING) AS bytes \
           FROM (SELECT whole.* FROM events CROSS JOIN LATERAL (\
                   SELECT {COLUMNS}, event_bytes FROM notifications \
                   WHERE notification_id = events.notification_id LIMIT 1) AS whole) AS found \
           WINDOW page AS (ORDER BY notification_id DESC)) AS measured \
         WHERE place = 1 OR bytes <= $4 \
         ORDER BY notification_id DESC LIMIT $2"
    )
}

type Columns = (RowSql, Bool, Nullable<Array<Text>>, Nullable<Array<Text>>);
type Line = (Notification, bool, Option<Vec<String>>, Option<Vec<String>>);

/// The story of an order; one without events where nothing names it. It ends where its newest
/// events pass the bytes of a page, too: the newest one is served however large it is.
pub fn timeline_read(order_id: &str) -> Result<Read<Timeline>, StoreError> {
    let found = find(order_id, ROW, EVENTS_MAX, PAGE_EVENT_BYTES)?;
    let order_id = order_id.to_owned();
    Ok(found.and_then(|found| Ok(Timeline::new(order_id, found))))
}

/// The same, its answer small whatever there is: none where the story has more than 50 events, or these,
/// as text, more than 64 KiB, and where a correlation id may be ambiguous.
pub fn timeline_read_small(order_id: &str) -> Result<Read<Option<Timeline>>, StoreError> {
    let found = find(order_id, SMALL_ROW, SMALL_EVENTS_MAX, SMALL_EVENT_BYTES)?;
    let order_id = order_id.to_owned();
    Ok(found.and_then(|found| {
        // no JSON text is empty
        let has_all = !found.more && found.events.iter().all(|row| !row.event.is_empty());
        // where an id has more rows than were looked at, it is only ambiguous here
        let is_whole = has_all && found.ambiguous.is_empty();
        Ok(is_whole.then(|| Timeline::new(order_id, found)))
    }))
}

fn find(order_id: &str, row: &str, events: u32, bytes: u32) -> Result<Read<Found>, StoreError> {
    let statement = diesel::sql_query(statement(row))
        .bind::<Text, _>(order_id)
        .bind::<BigInt, _>(i64::from(events))
        .bind::<BigInt, _>(i64::from(CORRELATION_IDS_MAX))
        .bind::<BigInt, _>(i64::from(bytes));
    let lines = read::all_of::<Columns, Line>(&statement)?;
    Ok(lines.and_then(|lines| {
        let mut found = Found::default();
        for (event, more, correlation_ids, ambiguous) in lines {
            found.events.push(event);
            found.more = more;
            // with the first line only
            found
                .correlation_ids
                .extend(correlation_ids.into_iter().flatten());
            found.ambiguous.extend(ambiguous.into_iter().flatten());
        }
        Ok(found)
    }))
}
