//! What was read of a record, put together: columns and the text of `event`.
//!
//! `event` is `{topic, event_type, correlation_id, source_service, timestamp, payload}` and, where
//! not empty, `attributes`. The columns' values stand in it as the columns hold them; what a
//! message has beyond them is in `attributes`, so that nothing of it is lost (`attributes`).

use chrono::{DateTime, Datelike, SecondsFormat, Utc};

use super::attributes;
use super::envelope::{Envelope, Timestamp};
use super::event_text::EventText;
use super::found::Found;
use super::ids::Ids;
use super::json::Value;
use super::message::Message;
use super::{MAX_BYTES, UNKNOWN};
use crate::event::{Event, RawReason, Status};
use crate::record::Record;

/// All that was read of one record.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// The record.
    pub(super) record: &'a Record,
    /// What it says about itself.
    pub(super) envelope: Envelope<'a>,
    /// The ids that it names.
    pub(super) ids: Ids<'a>,
    /// Its type where it names none.
    pub(super) default_type: &'static str,
    /// The message; `None` where there is none that could be opened.
    pub(super) message: Option<&'a Message<'a>>,
    /// The schema registry's id.
    pub(super) schema_id: Option<u32>,
    /// The column `status`.
    pub(super) status: Status,
}

/// How much of the message goes into `event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// All of it.
    Whole,
    /// What could be read of its envelope; the message itself is kept as bytes.
    Envelope(RawReason),
    /// Only what is bounded: single texts of its envelope are too large already.
    Bounded(RawReason),
}

impl Reading<'_> {
    /// The event; raw where `raw_reason` says so, or where it would print in over 16 MiB.
    pub(super) fn into_event(self, raw_reason: Option<RawReason>) -> Event {
        let first = raw_reason.map_or(Keep::Whole, Keep::Envelope);
        let reason = raw_reason.unwrap_or(RawReason::TooLarge);
        for keep in [first, Keep::Envelope(reason)] {
            let (json, printed) = self.text(keep);
            if printed <= MAX_BYTES {
                return self.event(keep, json, printed);
            }
        }
        let (json, printed) = self.text(Keep::Bounded(reason));
        self.event(Keep::Bounded(reason), json, printed)
    }

    fn event(&self, keep: Keep, json: String, printed: usize) -> Event {
        let owned = |found: &Found<'_>| found.fitting().map(str::to_owned);
        Event {
            event_type: self.event_type().to_owned(),
            correlation_id: owned(&self.envelope.correlation_id),
            source_service: self.source_service().to_owned(),
            customer_id: owned(&self.ids.customer),
            runner_id: owned(&self.ids.runner),
            order_id: owned(&self.ids.order),
            status: self.status,
            json,
            json_printed_bytes: u32::try_from(printed).unwrap_or(u32::MAX),
            raw_reason: match keep {
                Keep::Whole => None,
                Keep::Envelope(reason) | Keep::Bounded(reason) => Some(reason),
            },
        }
    }

    /// The column `event_type`.
    pub(super) fn event_type(&self) -> &str {
        match &self.envelope.event_type {
            // a type that no column can hold is not the same as none
            found @ Found::Text(_) => found.fitting().unwrap_or(UNKNOWN),
            Found::Absent | Found::Unstorable => self.default_type,
        }
    }

    /// The column `source_service`.
    pub(super) fn source_service(&self) -> &str {
        self.envelope.source.fitting().unwrap_or(UNKNOWN)
    }

    /// The text of `event`, and how many bytes PostgreSQL prints for it.
    fn text(&self, keep: Keep) -> (String, usize) {
        let value_bytes = self.message.filter(|_| keep == Keep::Whole);
        let value_bytes = value_bytes.map_or(0, |message| message.document.root.text.len());
        let mut text = EventText::with_capacity(value_bytes.saturating_add(384));
        text.root(|text| {
            text.string("topic", Some(&self.record.partition.topic));
            text.string("event_type", Some(self.event_type()));
            text.string("correlation_id", self.envelope.correlation_id.fitting());
            text.string("source_service", Some(self.source_service()));
            let has_timestamp = self.write_timestamp(text, keep);
            let message = self.message.filter(|_| keep == Keep::Whole);
            text.value("payload", message.map_or(Value::NULL, Message::payload));
            text.object("attributes", |text| {
                if let Some(message) = message {
                    attributes::write_rest(text, self, message, has_timestamp);
                }
                attributes::write_reading(text, self);
                if !matches!(keep, Keep::Bounded(_)) {
                    attributes::write_too_long(text, self);
                }
            });
        });
        text.finish()
    }

    /// Writes `timestamp`; says whether there is one.
    fn write_timestamp(&self, text: &mut EventText, keep: Keep) -> bool {
        match &self.envelope.timestamp {
            Timestamp::Own(value) | Timestamp::Time(value) if !matches!(keep, Keep::Bounded(_)) => {
                text.value("timestamp", *value);
                true
            }
            Timestamp::Header(time) if !matches!(keep, Keep::Bounded(_)) => {
                text.string("timestamp", Some(time));
                true
            }
            _ => {
                let time = self.record.time.millis().and_then(rfc3339);
                text.string("timestamp", time.as_deref());
                time.is_some()
            }
        }
    }
}

/// A record's time as RFC 3339, which has years of four digits; `None` beyond them.
fn rfc3339(millis: i64) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp_millis(millis)?;
    (0..=9999)
        .contains(&time.year())
        .then(|| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
