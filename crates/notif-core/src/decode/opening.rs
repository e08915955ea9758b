//! Opening a value: what stands before the JSON, and JSON within a JSON string.

use std::borrow::Cow;

use super::MAX_BYTES;
use super::json::{Document, Value};
use crate::event::RawReason;

/// What stood before the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Body {
    /// The schema registry's id.
    pub(super) schema_id: Option<u32>,
    /// Whether there was a byte order mark.
    pub(super) byte_order_mark: bool,
}

/// A value that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unopened {
    /// Why.
    pub(super) reason: RawReason,
    /// The schema registry's id that it begins with.
    pub(super) schema_id: Option<u32>,
}

/// Opens `bytes` and scans the JSON in them.
pub(super) fn open(bytes: &[u8]) -> Result<(Body, Document<'_>), Unopened> {
    if bytes.is_empty() {
        return Err(Unopened {
            reason: RawReason::Empty,
            schema_id: None,
        });
    }
    let framed = schema_registry_frame(bytes);
    let schema_id = framed.map(|(id, _)| id);
    let content = framed.map_or(bytes, |(_, content)| content);
    scan(content)
        .map(|(byte_order_mark, document)| {
            (
                Body {
                    schema_id,
                    byte_order_mark,
                },
                document,
            )
        })
        .map_err(|reason| match schema_id {
            Some(_) => Unopened {
                reason: RawReason::SchemaRegistry,
                schema_id,
            },
            None => Unopened { reason, schema_id },
        })
}

fn scan(content: &[u8]) -> Result<(bool, Document<'_>), RawReason> {
    let Ok(text) = std::str::from_utf8(content) else {
        return Err(RawReason::NotUtf8);
    };
    let unmarked = text.strip_prefix('\u{feff}');
    let text = unmarked.unwrap_or(text);
    let document = Document::scan(text, MAX_BYTES).ok_or(RawReason::NotJson)?;
    Ok((unmarked.is_some(), document))
}

/// The id in a schema registry's frame (byte 0, four bytes of id) and what follows it.
fn schema_registry_frame(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (id, content) = bytes.strip_prefix(&[0])?.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*id), content))
}

/// The text within a JSON string that may hold a JSON object: its first character says so.
///
/// A string with a lone surrogate or a NUL in it holds no JSON.
pub(super) fn object_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    let body = value.string_body()?;
    // white space before the object may be there, as itself or escaped
    let first = body.trim_start_matches([' ']).bytes().next()?;
    if !matches!(first, b'{' | b'\\') {
        return None;
    }
    let text = value.string()?;
    text.trim_start_matches([' ', '\n', '\r', '\t'])
        .starts_with('{')
        .then_some(text)
}

/// Scans the text within a JSON string, where it is a JSON object.
pub(super) fn object(text: &str) -> Option<Document<'_>> {
    Document::scan(text, MAX_BYTES).filter(|document| document.root.is_object())
}
