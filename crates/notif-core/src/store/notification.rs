//! Reading notifications, and writing a manual one. Recorded ones are written by `commit`, in bulk.
//!
//! Lists that a filter shows are read in `notification/filtered.rs`, an order's story across
//! services in `timeline.rs`.

use diesel::dsl::{case_when, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb, Nullable, Text};
use uuid::Uuid;

use super::idempotency::{Claim, IdempotencyKey, key_claim_in_txn};
use super::{Read, StoreError, batch, read};
use crate::notification::{ManualNotification, Notification, NotificationDetail, NotificationRaw};
use crate::schema::notifications::dsl as n;

/// The columns of [`Notification`], in its order; as text in `notification/row.rs`.
macro_rules! columns {
    ($event:expr) => {
        (
            n::notification_id,
            n::customer_id,
            n::runner_id,
            n::order_id,
            $event,
            n::status,
            n::created_at,
            n::source_topic,
            n::event_type,
            n::correlation_id,
            n::source_service,
            n::occurred_at,
            n::kafka_timestamp_ms,
            n::source_partition,
            n::source_offset,
            n::topic_generation,
            n::raw_reason,
        )
    };
}
pub(super) use columns;

/// The columns of [`NotificationDetail`], in its order.
macro_rules! detail_columns {
    () => {
        (
            columns!(n::event.cast::<Text>()),
            n::timestamp_type,
            n::message_key,
            n::headers.cast::<Nullable<Text>>(),
            n::value_bytes,
            n::value_sha256,
            n::batch_id,
        )
    };
}

mod cut;
mod filtered;
#[cfg(test)]
mod model_tests;
mod page;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod plan_tests;
mod record;
pub(super) mod row;

pub use filtered::{event_types_like, notification_filtered};
pub use page::{notification_page, notification_page_small};
pub use record::record_get;

/// The newest row of an order, with `event` as this expression has it.
macro_rules! latest {
    ($order_id:expr, $event:expr) => {
        n::notifications
            .filter(n::order_id.eq($order_id))
            .order(n::notification_id.desc())
            .select(columns!($event))
            .limit(1)
    };
}

/// The newest notification of an order.
pub fn order_latest(order_id: &str) -> Result<Read<Notification>, StoreError> {
    read::one(&latest!(order_id, n::event.cast::<Text>()))
}

/// The same, its answer small whatever the row holds: none where its event, as text, has more than
/// 32 KiB. It is not even fetched then.
pub fn order_latest_small(order_id: &str) -> Result<Read<Option<Notification>>, StoreError> {
    // this is asked more often than anything else
    static TEXT: read::Text = read::Text::unknown();
    // constants, not values to bind
    let small = case_when(sql::<Bool>("event_bytes <= 32768"), n::event.cast::<Text>())
        .otherwise(sql::<Text>("''"));
    let newest = read::one_with::<_, Notification, _>(&TEXT, &latest!(order_id, small))?;
    // no JSON text is empty
    Ok(newest.and_then(|newest| Ok(Some(newest).filter(|newest| !newest.event.is_empty()))))
}

/// One notification with all that is told of it.
pub fn notification_get(id: Uuid) -> Result<Read<NotificationDetail>, StoreError> {
    let row = n::notifications.find(id).select(detail_columns!());
    read::one(&row)
}

/// The bytes of the message that a notification was recorded from, where they are kept.
pub fn notification_raw(id: Uuid) -> Result<Read<NotificationRaw>, StoreError> {
    let row = n::notifications.find(id).select((
        n::raw,
        n::status,
        n::source_offset.is_not_null(),
        n::value_bytes,
        n::value_sha256,
    ));
    read::one(&row)
}

/// What became of a manual notification.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// It is stored, as this.
    Stored(Box<Notification>),
    /// The same request was done before with the same key, and made this, as it is now.
    Replayed(Box<Notification>),
    /// The same request was done before with the same key; what it made was removed since.
    Removed(Uuid),
    /// Another request was done with this key.
    KeyOfAnother,
    /// A transaction that is still open works on this key: the outcome is known soon.
    KeyInUse,
    /// The connection broke in the commit: it may be stored under this id, or not.
    Unknown(Uuid),
}

/// Writes a manual notification in a transaction of its own, and reads back what is stored.
///
/// Its times are PostgreSQL's, asked within the transaction, so that ids of several processes sort
/// by one clock. `random` makes the id unique. With a `key` it is done once however often it is asked
/// for, see [`super::idempotency`].
pub(super) fn notification_send(
    conn: &mut PgConnection,
    manual: ManualNotification,
    random: [u8; 10],
    key: Option<&IdempotencyKey>,
) -> Result<Sent, StoreError> {
    batch::begin_by_hand(conn)?;
    let (batch_id, written) = match manual_insert_in_txn(conn, manual, random, key) {
        Ok(Inserted::Row(batch_id, written)) => (batch_id, written),
        Ok(Inserted::Nothing(why)) => {
            batch::rollback(conn);
            return Ok(why);
        }
        Err(error) => {
            batch::rollback(conn);
            return Err(error);
        }
    };
    match batch::commit(conn, batch_id, None, 1) {
        Ok(()) => Ok(Sent::Stored(written)),
        // the answer is lost, the commit may not be
        Err(StoreError::Unreachable(_)) => Ok(Sent::Unknown(written.notification_id)),
        Err(error) => {
            batch::rollback(conn);
            Err(error)
        }
    }
}

#[declare_sql_function]
extern "SQL" {
    /// The time as it is now, not when the transaction began.
    fn clock_timestamp() -> Timestamptz;
}

enum Inserted {
    /// A row, in this batch.
    Row(i64, Box<Notification>),
    /// Nothing, and why.
    Nothing(Sent),
}

fn manual_insert_in_txn(
    conn: &mut PgConnection,
    manual: ManualNotification,
    random: [u8; 10],
    key: Option<&IdempotencyKey>,
) -> Result<Inserted, StoreError> {
    let batch_id = batch::batch_id_take_in_txn(conn)?;
    let now = diesel::select(clock_timestamp()).get_result(conn)?;
    let request = key.map(|key| (key, manual.request()));
    let row = manual.into_row(now, random);
    if let Some((key, request)) = request {
        match key_claim_in_txn(conn, key, &request, row.notification_id)? {
            Claim::New => {}
            Claim::Done(id) => return replay_in_txn(conn, id).map(Inserted::Nothing),
            Claim::OfAnother => return Ok(Inserted::Nothing(Sent::KeyOfAnother)),
            Claim::InUse => return Ok(Inserted::Nothing(Sent::KeyInUse)),
        }
    }
    let written = diesel::insert_into(n::notifications)
        .values((
            n::notification_id.eq(row.notification_id),
            n::customer_id.eq(row.customer_id),
            n::runner_id.eq(row.runner_id),
            n::order_id.eq(row.order_id),
            n::event.eq(row.event.into_sql::<Text>().fallible_cast::<Jsonb>()),
            n::event_bytes.eq(row.event_bytes),
            n::status.eq(row.status),
            n::created_at.eq(row.created_at),
            n::source_topic.eq(&*row.source_topic),
            n::event_type.eq(row.event_type),
            n::correlation_id.eq(row.correlation_id),
            n::source_service.eq(row.source_service),
            n::occurred_at.eq(row.occurred_at),
            n::batch_id.eq(batch_id),
        ))
        .returning(columns!(n::event.cast::<Text>()))
        .get_result(conn)?;
    Ok(Inserted::Row(batch_id, Box::new(written)))
}

/// What was made before, as it is now: what was redacted since stays redacted.
fn replay_in_txn(conn: &mut PgConnection, id: Uuid) -> Result<Sent, StoreError> {
    let row = n::notifications
        .find(id)
        .select(columns!(n::event.cast::<Text>()))
        .get_result(conn)
        .optional()?;
    Ok(match row {
        Some(row) => Sent::Replayed(Box::new(row)),
        None => Sent::Removed(id),
    })
}
