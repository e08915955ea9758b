//! CloudEvents 1.x: how one is recognised, structured and binary.
//!
//! What its attributes then fill is in `envelope`; where its payload is, in `message`.

use super::found::Found;
use super::headers::Headers;
use super::json::{Members, Name};

/// Whether the message itself is a CloudEvent: its content type says so, or the four attributes
/// that every CloudEvent has are all there (present and not null).
pub(super) fn is_structured(members: &Members<'_>, headers: &Headers<'_>) -> bool {
    let version = members
        .value(Name::SpecVersion)
        .filter(|version| !version.is_null());
    match version {
        Some(version)
            if !version
                .string()
                .is_some_and(|version| is_version_1(&version)) =>
        {
            false
        }
        Some(_) if has_attributes(members) => true,
        _ => matches!(headers.content_type(), Found::Text(kind) if is_structured_type(&kind)),
    }
}

/// Whether the headers are those of a CloudEvent whose data is the record's value.
pub(super) fn is_binary(headers: &Headers<'_>) -> bool {
    matches!(headers.ce_spec_version(), Found::Text(version) if is_version_1(&version))
}

fn has_attributes(members: &Members<'_>) -> bool {
    [Name::Id, Name::Source, Name::Type]
        .into_iter()
        .all(|name| members.value(name).is_some_and(|value| !value.is_null()))
}

fn is_version_1(version: &str) -> bool {
    version.starts_with("1.")
}

/// `application/cloudevents`, with any suffix for its format and any parameters; a batch is another
/// media type.
fn is_structured_type(content_type: &str) -> bool {
    let kind = content_type.split(['+', ';']).next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/cloudevents")
}
