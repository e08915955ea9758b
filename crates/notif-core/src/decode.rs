//! Taking a record apart: `Record -> Event`, pure and total.
//!
//! [`decode`] has an answer for any bytes: no error, no panic, no log, no clock. Its steps, each in
//! its own file:
//!
//! | step | file |
//! |---|---|
//! | open the value: frame, byte order mark, JSON within a string | `opening`, `json` |
//! | find the payload | `message`, `cloudevents` |
//! | read type, correlation id, source, time | `envelope`, `headers` |
//! | read customer, runner, order | `ids`, `found` |
//! | decide whether `event` can hold it | `fidelity` |
//! | write `event` and fill the columns | `compose`, `attributes`, `event_text` |
//!
//! The rules are the design's, section 5; `docs/decoding.md` tells them to users. What an [`Event`]
//! is stands in `event`; how it becomes a row, in `notification`.

mod attributes;
mod cloudevents;
mod compose;
mod envelope;
mod event_text;
mod fidelity;
mod found;
mod headers;
mod ids;
mod json;
mod message;
mod opening;

use compose::Reading;
use envelope::Envelope;
use found::Found;
use headers::Headers;
use ids::Ids;
use json::{Document, Members};
use message::{Form, Message};
use opening::{Body, Unopened};

use crate::event::{Event, RawReason, Status};
use crate::record::Record;

/// The most bytes that a value, or `event` as PostgreSQL prints it, may have: 16 MiB.
const MAX_BYTES: usize = 16 << 20;
/// Type and source of a message that does not say.
const UNKNOWN: &str = "unknown";
/// Type of a record with a null value.
const TOMBSTONE: &str = "tombstone";

/// Takes a record apart.
///
/// ```
/// use notif_core::decode::decode;
/// use notif_core::record::{PartitionId, Record, RecordTime};
///
/// let event = decode(&Record {
///     partition: PartitionId::new("order_events", 0),
///     offset: 0,
///     time: RecordTime::Unknown,
///     key: None,
///     headers: vec![],
///     value: Some(br#"{"type":"order.created","payload":{"orderId":7}}"#.to_vec()),
/// });
/// assert_eq!(event.event_type, "order.created");
/// assert_eq!(event.order_id.as_deref(), Some("7"));
/// ```
pub fn decode(record: &Record) -> Event {
    read(record, None)
}

/// Takes apart a record whose row PostgreSQL refused: its envelope is read as ever, its bytes are
/// kept (`refused-by-database`).
pub fn decode_refused(record: &Record) -> Event {
    read(record, Some(RawReason::RefusedByDatabase))
}

/// Takes a record apart; it is raw at any rate where it was `refused`.
fn read(record: &Record, refused: Option<RawReason>) -> Event {
    let headers = Headers::read(&record.headers);
    let Some(value) = record.value.as_deref() else {
        return without_message(record, &headers, None).into_event(refused);
    };
    match opening::open(value) {
        Ok((body, document)) => with_message(record, &headers, body, &document, refused),
        Err(unopened) => {
            let reason = refused.unwrap_or(unopened.reason);
            without_message(record, &headers, Some(unopened)).into_event(Some(reason))
        }
    }
}

fn with_message(
    record: &Record,
    headers: &Headers<'_>,
    body: Body,
    document: &Document<'_>,
    refused: Option<RawReason>,
) -> Event {
    let inner_text = opening::object_text(document.root);
    let inner = inner_text.as_deref().and_then(opening::object);
    let opened = inner.is_some();
    let document = inner.as_ref().unwrap_or(document);
    let form = Form::of(document, headers);
    let payload_text = message::payload_text(document, form);
    let payload_document = payload_text.as_deref().and_then(opening::object);
    let payload_document = payload_document.as_ref();
    let message = Message {
        document,
        form,
        opened,
        payload_document,
    };
    let reading = Reading {
        record,
        envelope: Envelope::read(&document.members, headers),
        ids: Ids::read(message.payload_ids(), &document.members),
        default_type: UNKNOWN,
        message: Some(&message),
        schema_id: body.schema_id,
        status: Status::Captured,
    };
    reading.into_event(refused.or_else(|| fidelity::raw_reason(record, body, &message)))
}

/// What the headers alone say, of a null value or of one that could not be opened.
fn without_message<'a>(
    record: &'a Record,
    headers: &Headers<'a>,
    unopened: Option<Unopened>,
) -> Reading<'a> {
    let envelope = Envelope::read(&Members::NONE, headers);
    let is_unnamed = envelope.event_type == Found::Absent;
    Reading {
        record,
        envelope,
        ids: Ids::NONE,
        default_type: if unopened.is_some() {
            UNKNOWN
        } else {
            TOMBSTONE
        },
        message: None,
        schema_id: unopened.and_then(|unopened| unopened.schema_id),
        status: match unopened {
            Some(_) if is_unnamed => Status::Unparseable,
            _ => Status::Captured,
        },
    }
}
