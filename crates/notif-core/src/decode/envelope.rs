//! The envelope: type, correlation id, source and time of a message.
//!
//! Each is looked for in the message's own members first, then in the headers; a CloudEvents
//! header fills what the body lacks.

use std::borrow::Cow;

use super::cloudevents;
use super::found::Found;
use super::headers::Headers;
use super::json::{Members, Name, Value};

/// What `event.timestamp` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Timestamp<'a> {
    /// The message's own member `timestamp`, as it stood.
    Own(Value<'a>),
    /// A CloudEvent's `time`, as it stood in the message.
    Time(Value<'a>),
    /// A CloudEvent's time in a header.
    Header(Cow<'a, str>),
    /// None: the record's time stands in for it.
    Absent,
}

/// What a message says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    /// What happened.
    pub(super) event_type: Found<'a>,
    /// The saga or request that it belongs to.
    pub(super) correlation_id: Found<'a>,
    /// Who sent it.
    pub(super) source: Found<'a>,
    /// When, in the sender's words.
    pub(super) timestamp: Timestamp<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads it from the message's top-level members (none for a value that is no object) and the
    /// record's headers.
    pub(super) fn read(members: &Members<'a>, headers: &Headers<'a>) -> Self {
        let is_binary = cloudevents::is_binary(headers);
        let from_header = |found: Found<'a>| if is_binary { found } else { Found::Absent };
        let event_type = Found::in_non_empty_string(members.value(Name::Type))
            .or_else(|| from_header(headers.ce_type()));
        let source = Found::in_value(members.value(Name::Source))
            .or_else(|| from_header(headers.ce_source()));
        let correlation_id = Found::in_value(members.value(Name::CorrelationId))
            .or_else(|| Found::in_value(members.value(Name::CorrelationIdCamel)))
            .or_else(|| Found::in_value(members.value(Name::CorrelationIdLower)))
            .or_else(|| headers.correlation_id());
        let timestamp = own_timestamp(members)
            .or_else(|| structured_time(members, headers))
            .or_else(|| match from_header(headers.ce_time()) {
                Found::Text(time) => Some(Timestamp::Header(time)),
                Found::Absent | Found::Unstorable => None,
            })
            .unwrap_or(Timestamp::Absent);
        Self {
            event_type,
            correlation_id,
            source,
            timestamp,
        }
    }
}

fn own_timestamp<'a>(members: &Members<'a>) -> Option<Timestamp<'a>> {
    let value = members.value(Name::Timestamp)?;
    (value.is_number_in_range() || is_shown_string(value)).then_some(Timestamp::Own(value))
}

fn structured_time<'a>(members: &Members<'a>, headers: &Headers<'_>) -> Option<Timestamp<'a>> {
    let time = members
        .value(Name::Time)
        .filter(|value| is_shown_string(*value))?;
    cloudevents::is_structured(members, headers).then_some(Timestamp::Time(time))
}

/// Whether it is a string, not empty, that `jsonb` can hold (in a raw row's message it may not be).
fn is_shown_string(value: Value<'_>) -> bool {
    value
        .string()
        .is_some_and(|text| !text.is_empty() && !text.contains('\0'))
}
