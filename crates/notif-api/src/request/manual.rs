//! The body of `POST /send-notification`.
//!
//! Its members are taken apart by hand, not by a derived reader: all that is wrong is told at once,
//! by name, and the event stays the text that it was (a number through f64 would not).

use std::fmt;

use notif_core::event::RawReason;
use notif_core::notification::{Manual, ManualNotification};
use notif_core::query;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::{FieldError, Problem};

const FIELDS: [&str; 4] = ["customerId", "orderId", "event", "runnerId"];

/// Reads the notification that `body` asks for.
pub(crate) fn parse(body: &[u8]) -> Result<ManualNotification, Problem> {
    let members = members(body).map_err(|refusal| Problem::InvalidRequest(vec![refusal]))?;
    let mut refusals = refuse_names(&members);
    let mut field = |name, read: fn(Option<&RawValue>) -> Result<Option<String>, String>| {
        let mut named = members.iter().filter(|(there, _)| there == name);
        let value = named.next().map(|(_, value)| &**value);
        read(value).unwrap_or_else(|msg| {
            refusals.push(FieldError::new("body", name, msg));
            None
        })
    };
    let customer_id = field("customerId", required_id);
    let order_id = field("orderId", required_id);
    let payload = field("event", payload);
    let runner_id = field("runnerId", optional_id);
    Problem::from_refusals(refusals)?;
    let (Some(customer_id), Some(order_id), Some(payload)) = (customer_id, order_id, payload)
    else {
        return Err(Problem::Internal(
            "a required field is neither there nor refused".to_owned(),
        ));
    };
    let manual = Manual {
        customer_id,
        order_id,
        runner_id,
        payload,
    };
    ManualNotification::new(manual)
        .map_err(|reason| Problem::field("body", "event", unstorable(reason)))
}

/// The members of the object, in order, equal names kept.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

fn members(body: &[u8]) -> Result<Vec<(String, Box<RawValue>)>, FieldError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        FieldError::body(format!(
            "must be UTF-8, is not after byte {}",
            error.valid_up_to()
        ))
    })?;
    match serde_json::from_str(text) {
        Ok(Members(members)) => Ok(members),
        Err(error) if error.is_data() => Err(FieldError::body("must be a JSON object")),
        Err(error) => Err(FieldError::body(format!("must be JSON: {error}"))),
    }
}

/// What is wrong with the members' names: not known, or there twice.
fn refuse_names(members: &[(String, Box<RawValue>)]) -> Vec<FieldError> {
    let mut refusals: Vec<FieldError> = Vec::new();
    let mut seen = Vec::new();
    for (name, _) in members {
        let msg = if !FIELDS.contains(&name.as_str()) {
            format!(
                "is not a field of this request, it takes {}",
                FIELDS.join(", ")
            )
        } else if seen.contains(&name) {
            "must not be given twice".to_owned()
        } else {
            seen.push(name);
            continue;
        };
        let refusal = FieldError::new("body", name, msg);
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    }
    refusals
}

fn required_id(value: Option<&RawValue>) -> Result<Option<String>, String> {
    let Some(value) = value else {
        return Err("is required".to_owned());
    };
    if is_null(value) {
        return Err("is required, must not be null".to_owned());
    }
    optional_id(Some(value))
}

fn optional_id(value: Option<&RawValue>) -> Result<Option<String>, String> {
    match value {
        None => Ok(None),
        Some(value) if is_null(value) => Ok(None),
        Some(value) => {
            let text = text(value)?.ok_or("must be a string")?;
            query::id_from_text(text)
                .map(Some)
                .map_err(|error| error.to_string())
        }
    }
}

/// The payload of the event: `{"message": <the string>}`, or the object as it stands.
fn payload(value: Option<&RawValue>) -> Result<Option<String>, String> {
    let value = value.ok_or("is required")?;
    if value.get().starts_with('{') {
        return Ok(Some(value.get().to_owned()));
    }
    match text(value)? {
        // the literal as it stands is the same text, and is checked with the rest of the event
        Some(_) => Ok(Some(format!(r#"{{"message":{}}}"#, value.get()))),
        None => Err("must be a string or an object".to_owned()),
    }
}

/// The characters of a string; none where the value is no string.
fn text(value: &RawValue) -> Result<Option<String>, String> {
    if !value.get().starts_with('"') {
        return Ok(None);
    }
    // it was valid JSON, so what is left to fail is half a surrogate pair
    let text = serde_json::from_str(value.get())
        .map_err(|_surrogate| unstorable(RawReason::LoneSurrogate))?;
    Ok(Some(text))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// What the event must not be, where the database could not give it back as it is.
fn unstorable(reason: RawReason) -> String {
    match reason {
        RawReason::NulCharacter => "must not hold a NUL character",
        RawReason::LoneSurrogate => "must not hold half a surrogate pair",
        RawReason::DuplicateKeys => "must not hold an object with the same key twice",
        RawReason::NumberRange => "must not hold a number beyond 64-bit floats or 400 digits",
        RawReason::TooDeep => "must not be nested deeper than 100",
        other => return format!("cannot be stored: {}", other.as_str()),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Vec<String> {
        match parse(body.as_bytes()) {
            Err(Problem::InvalidRequest(errors)) => {
                errors.iter().map(|error| error.loc.join(".")).collect()
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        assert_eq!(
            refused(r#"{"customerId":1,"orderId":null,"runnerId":[],"extra":0}"#),
            [
                "body.extra",
                "body.customerId",
                "body.orderId",
                "body.event",
                "body.runnerId"
            ]
        );
    }

    #[test]
    fn a_runner_may_be_null() {
        let body = r#"{"customerId":"c","orderId":"o","event":"e","runnerId":null}"#;
        assert!(parse(body.as_bytes()).is_ok());
    }

    #[test]
    fn a_field_is_known_however_its_name_is_escaped() {
        assert!(parse(br#"{"c\u0075stomerId":"c","orderId":"o","event":{}}"#).is_ok());
        assert_eq!(
            refused(r#"{"c\u0075stomerId":"c","customerId":"c","orderId":"o","event":{}}"#),
            ["body.customerId"]
        );
    }
}
