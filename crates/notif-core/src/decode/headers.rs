//! The headers that decoding looks at: correlation ids and CloudEvents attributes.
//!
//! Names are compared without regard to case, and the last of equal names wins. How headers are
//! stored is elsewhere (`notification`).

use std::borrow::Cow;

use super::found::{Found, is_none_word};
use super::json::text;
use crate::record::Header;

/// Where a correlation id may be, in the order in which they are asked.
const CORRELATION_NAMES: [&str; 5] = [
    "correlation_id",
    "correlation-id",
    "correlationid",
    "x-correlation-id",
    "ce_correlationid",
];

/// The headers of one record that mean something here.
#[derive(Debug, Default)]
pub(super) struct Headers<'a> {
    correlation: [Option<&'a Header>; 5],
    content_type: Option<&'a Header>,
    ce_spec_version: Option<&'a Header>,
    ce_type: Option<&'a Header>,
    ce_source: Option<&'a Header>,
    ce_time: Option<&'a Header>,
}

impl<'a> Headers<'a> {
    /// Picks them out of a record's headers.
    pub(super) fn read(headers: &'a [Header]) -> Self {
        let mut read = Self::default();
        for header in headers {
            if let Some(slot) = read.slot(&header.name) {
                *slot = Some(header);
            }
        }
        read
    }

    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<&'a Header>> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if let Some(at) = CORRELATION_NAMES.iter().position(|known| is(known)) {
            return self.correlation.get_mut(at);
        }
        if is("content-type") {
            return Some(&mut self.content_type);
        }
        if is("ce_specversion") {
            return Some(&mut self.ce_spec_version);
        }
        if is("ce_type") {
            return Some(&mut self.ce_type);
        }
        if is("ce_source") {
            return Some(&mut self.ce_source);
        }
        is("ce_time").then_some(&mut self.ce_time)
    }

    /// The correlation id.
    pub(super) fn correlation_id(&self) -> Found<'a> {
        let mut names = self.correlation.iter();
        names
            .find_map(|header| present(id(*header)))
            .unwrap_or(Found::Absent)
    }

    /// What the value is said to be.
    pub(super) fn content_type(&self) -> Found<'a> {
        value(self.content_type)
    }

    /// `ce_specversion`.
    pub(super) fn ce_spec_version(&self) -> Found<'a> {
        id(self.ce_spec_version)
    }

    /// `ce_type`, where it is not empty.
    pub(super) fn ce_type(&self) -> Found<'a> {
        non_empty(self.ce_type)
    }

    /// `ce_source`, by the same rule of absence as a `source` in the message.
    pub(super) fn ce_source(&self) -> Found<'a> {
        id(self.ce_source)
    }

    /// `ce_time`, where it is not empty.
    pub(super) fn ce_time(&self) -> Found<'a> {
        non_empty(self.ce_time)
    }
}

fn present(found: Found<'_>) -> Option<Found<'_>> {
    (found != Found::Absent).then_some(found)
}

fn id(header: Option<&Header>) -> Found<'_> {
    match value(header) {
        Found::Text(text) if is_none_word(&text) => Found::Absent,
        found => found,
    }
}

fn non_empty(header: Option<&Header>) -> Found<'_> {
    match value(header) {
        Found::Text(text) if text.is_empty() => Found::Absent,
        found => found,
    }
}

fn value(header: Option<&Header>) -> Found<'_> {
    let Some(bytes) = header.and_then(|header| header.value.as_deref()) else {
        return Found::Absent;
    };
    match std::str::from_utf8(bytes) {
        Ok(value) => Found::storable(unquoted(value)),
        Err(_) => Found::Unstorable,
    }
}

/// A value that is one JSON string literal (some clients write every header as JSON) without its
/// quotes; any other value as it stands, and so is a literal that is no storable text.
fn unquoted(value: &str) -> Cow<'_, str> {
    text::literal(value)
        .filter(|decoded| !decoded.contains('\0'))
        .unwrap_or(Cow::Borrowed(value))
}
