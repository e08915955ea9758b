//! `event.attributes`: what a message has beyond the fields of `event`, so that its JSON value can
//! be rebuilt from the row.
//!
//! | member | holds |
//! |---|---|
//! | `fields` | the top-level members that are neither payload nor envelope, as they stood |
//! | `envelope` | of `type`, `correlation_id`, `source` and `timestamp` those whose value is not what `event` shows for it, as they stood; `null` where the message has none and `event` shows one from elsewhere (a header, the record's time); and the other spellings of `correlation_id` |
//! | `form` | `whole` where the message is its own payload, `cloudevents` where the payload is `data` |
//! | `opened`, `payloadOpened` | `true` where it was a string that holds a JSON object |
//! | `schemaId` | the id in the schema registry's frame |
//! | `tooLong` | by column, the texts that do not fit it |
//!
//! In a raw row the message is in `raw`, so `fields` and `envelope` are left out.

use super::UNKNOWN;
use super::compose::Reading;
use super::envelope::Timestamp;
use super::event_text::EventText;
use super::json::{Document, Member, Name, Value};
use super::message::{Form, Message};

/// The members that are not in `fields`, but for the payload.
const ENVELOPE: [Name; 6] = [
    Name::Type,
    Name::CorrelationId,
    Name::CorrelationIdCamel,
    Name::CorrelationIdLower,
    Name::Source,
    Name::Timestamp,
];

/// Writes `fields` and `envelope`, where the payload is not the message itself.
pub(super) fn write_rest(
    text: &mut EventText,
    reading: &Reading<'_>,
    message: &Message<'_>,
    has_timestamp: bool,
) {
    let Some(payload) = message.form.payload_name() else {
        return;
    };
    text.object("fields", |text| {
        write_fields(text, message.document, payload);
    });
    text.object("envelope", |text| {
        write_envelope(text, reading, message, has_timestamp);
    });
}

/// Writes how the message was read.
pub(super) fn write_reading(text: &mut EventText, reading: &Reading<'_>) {
    if let Some(message) = reading.message {
        match message.form {
            Form::Whole => text.string("form", Some("whole")),
            Form::CloudEvent => text.string("form", Some("cloudevents")),
            Form::Envelope => {}
        }
        if message.opened {
            text.plain("opened", "true");
        }
        if message.payload_document.is_some() {
            text.plain("payloadOpened", "true");
        }
    }
    if let Some(id) = reading.schema_id {
        text.plain("schemaId", &id.to_string());
    }
}

/// Writes the texts that do not fit their columns.
pub(super) fn write_too_long(text: &mut EventText, reading: &Reading<'_>) {
    text.object("tooLong", |text| {
        let columns = [
            ("event_type", &reading.envelope.event_type),
            ("correlation_id", &reading.envelope.correlation_id),
            ("source_service", &reading.envelope.source),
            ("customer_id", &reading.ids.customer),
            ("runner_id", &reading.ids.runner),
            ("order_id", &reading.ids.order),
        ];
        for (column, found) in columns {
            if let Some(too_long) = found.too_long() {
                text.string(column, Some(too_long));
            }
        }
    });
}

fn write_envelope(
    text: &mut EventText,
    reading: &Reading<'_>,
    message: &Message<'_>,
    has_timestamp: bool,
) {
    let members = &message.document.members;
    let value = |name| members.value(name).filter(|value| !value.is_null());
    write_unless_shown(
        text,
        "type",
        value(Name::Type),
        Some(reading.event_type()),
        Some(UNKNOWN),
    );
    let source = Some(reading.source_service());
    write_unless_shown(text, "source", value(Name::Source), source, Some(UNKNOWN));
    let correlation_id = reading.envelope.correlation_id.fitting();
    write_unless_shown(
        text,
        "correlation_id",
        value(Name::CorrelationId),
        correlation_id,
        None,
    );
    for (key, name) in [
        ("correlationId", Name::CorrelationIdCamel),
        ("correlationid", Name::CorrelationIdLower),
    ] {
        if let Some(value) = value(name) {
            text.value(key, value);
        }
    }
    match (&reading.envelope.timestamp, value(Name::Timestamp)) {
        (Timestamp::Own(_), _) => {}
        (_, Some(value)) => text.value("timestamp", value),
        (_, None) if has_timestamp => text.value("timestamp", Value::NULL),
        (_, None) => {}
    }
}

/// Writes the member's value, unless `shown`, event's field, is that very value. A member that is
/// not there is written as null, unless the field is `default`, which is read as absent.
fn write_unless_shown(
    text: &mut EventText,
    key: &str,
    value: Option<Value<'_>>,
    shown: Option<&str>,
    default: Option<&str>,
) {
    let Some(value) = value else {
        if shown != default {
            text.value(key, Value::NULL);
        }
        return;
    };
    let is_shown = shown.is_some_and(|shown| value.string().as_deref() == Some(shown));
    if !is_shown {
        text.value(key, value);
    }
}

/// Writes the other members by cutting the known ones out of the message's text: what is left
/// needs neither a copy of each nor a list of them, however many there are.
fn write_fields(text: &mut EventText, document: &Document<'_>, payload: Name) {
    let names = ENVELOPE.into_iter().chain([payload]);
    let mut cut: Vec<&Member<'_>> = names
        .filter_map(|name| document.members.member(name))
        .collect();
    cut.sort_unstable_by_key(|member| member.start);
    let count = document.entries.saturating_sub(cut.len());
    if count == 0 {
        return;
    }
    let mut start = document.inside_start();
    let mut is_first = true;
    let ends = cut.iter().map(|member| (member.start, member.end));
    for (end, next) in ends.chain([(document.inside_end(), 0)]) {
        let piece = document.between(start, end);
        if !piece.is_empty() {
            text.verbatim(if is_first { "" } else { "," }, 0);
            text.verbatim(piece, 0);
            is_first = false;
        }
        start = next;
    }
    text.verbatim("", printed_fields(document, &cut, count));
}

/// How many bytes PostgreSQL prints between the braces for the members that are not `cut`.
fn printed_fields(document: &Document<'_>, cut: &[&Member<'_>], count: usize) -> usize {
    let separators = |members: usize| members.saturating_sub(1).saturating_mul(2);
    let braces = 2;
    let all = document
        .root
        .printed
        .saturating_sub(braces)
        .saturating_sub(separators(document.entries));
    let cut = cut
        .iter()
        .fold(0_usize, |sum, member| sum.saturating_add(member.printed));
    all.saturating_sub(cut).saturating_add(separators(count))
}
