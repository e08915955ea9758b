//! Nothing of a message is lost: the message's JSON value out of a row's `event`, compared with the
//! message itself.
//!
//! This is the reading of `docs/decoding.md` by somebody who has only that page: `event` holds the
//! payload, the envelope and `attributes`, and from these the message is put together. Where the
//! message was a JSON string that holds an object, the object is rebuilt; a `type` or `source` of
//! `unknown`, and null members of the envelope, read as absent.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::exact::Json;

/// Members of the envelope, where `event` shows them, and what reads as absent there.
const SHOWN: [(&str, &str, Option<&str>); 4] = [
    ("type", "event_type", Some("unknown")),
    ("source", "source_service", Some("unknown")),
    ("correlation_id", "correlation_id", None),
    ("timestamp", "timestamp", None),
];

/// Members whose null reads as absent.
const ENVELOPE: [&str; 7] = [
    "type",
    "source",
    "timestamp",
    "correlation_id",
    "correlationId",
    "correlationid",
    "data",
];

/// Fails where `event`, of a row without raw bytes, is not the message `value`.
pub fn compare(value: &[u8], event: &str) -> Result<()> {
    let mut event = Json::parse(event.as_bytes()).context("the event")?;
    let text = match value {
        [0, _, _, _, _, framed @ ..] => framed,
        _ => value,
    };
    let message = Json::parse(text).context("the message, which event claims to hold")?;
    let message = opened(message);
    let payload = event.take("payload");
    let mut attributes = event.take("attributes");
    let form = attributes.take("form");
    let payload_name = match form.text() {
        Some("whole") => {
            ensure!(payload == message, "the payload is not the message");
            return Ok(());
        }
        Some("cloudevents") => "data",
        _ => "payload",
    };
    let mut rebuilt = object(attributes.take("fields"))?;
    let mut envelope = object(attributes.take("envelope"))?;
    for (member, field, _) in SHOWN {
        let shown = event.take(field);
        rebuilt.insert(member.to_owned(), envelope.remove(member).unwrap_or(shown));
    }
    rebuilt.extend(envelope);
    rebuilt.insert(payload_name.to_owned(), payload);
    ensure!(
        as_read(Json::Object(rebuilt))? == as_read(message)?,
        "the message cannot be rebuilt from event"
    );
    Ok(())
}

/// The members of an object; none for null.
fn object(value: Json) -> Result<BTreeMap<String, Json>> {
    match value {
        Json::Object(members) => Ok(members),
        Json::Null => Ok(BTreeMap::new()),
        other => bail!("{other:?} is no object"),
    }
}

/// A message's members without those that read as absent, and with its strings opened.
fn as_read(message: Json) -> Result<BTreeMap<String, Json>> {
    let mut members = object(message)?;
    for (member, _, default) in SHOWN {
        let is_default = default.is_some() && members.get(member).and_then(Json::text) == default;
        if is_default {
            members.remove(member);
        }
    }
    members.retain(|name, value| *value != Json::Null || !ENVELOPE.contains(&name.as_str()));
    for name in ["payload", "data"] {
        if let Some(value) = members.remove(name) {
            members.insert(name.to_owned(), opened(value));
        }
    }
    Ok(members)
}

/// The object within a string, or the value itself.
fn opened(value: Json) -> Json {
    match value.text().map(|text| Json::parse(text.as_bytes())) {
        Some(Ok(object @ Json::Object(_))) => object,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    const MESSAGE: &str = r#"{"type":"t","payload":{"n":1.50},"x":[1],"source":7}"#;
    const EVENT: &str = r#"{"topic":"o","event_type":"t","correlation_id":null,
        "source_service":"7","timestamp":"2026-03-01T12:00:00Z","payload":{"n":1.5},
        "attributes":{"fields":{"x":[1]},"envelope":{"source":7,"timestamp":null}}}"#;

    #[test]
    fn a_message_that_is_all_in_its_event_compares_equal() {
        compare(MESSAGE.as_bytes(), EVENT).unwrap();
        let framed = [&[0, 0, 0, 0, 9], MESSAGE.as_bytes()].concat();
        compare(&framed, EVENT).unwrap();
        let encoded = serde_json::to_string(MESSAGE).unwrap();
        compare(encoded.as_bytes(), EVENT).unwrap();
    }

    #[test]
    fn each_difference_is_found() {
        for (part, instead) in [
            (r#""n":1.5"#, r#""n":1.51"#),
            (r#""x":[1]"#, r#""x":[2]"#),
            (r#""source":7"#, r#""source":"7""#),
            (r#","timestamp":null"#, ""),
            (r#""event_type":"t""#, r#""event_type":"u""#),
            (r#""correlation_id":null"#, r#""correlation_id":"c""#),
            (r#""fields":{"x":[1]},"#, ""),
        ] {
            let changed = EVENT.replace(part, instead);
            assert_ne!(changed, EVENT, "{part}");
            assert!(compare(MESSAGE.as_bytes(), &changed).is_err(), "{part}");
        }
    }
}
