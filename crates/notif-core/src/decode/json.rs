//! One JSON text, scanned once: is it valid, what would `jsonb` make of it, and where its members
//! are that decoding asks for by name.
//!
//! Nothing is parsed into a tree and no number becomes a float: what goes into `event` is cut out
//! of the message as it stood. The scan itself is in `scan`, the strings in `text`, the numbers in
//! `number`, equal keys in `keys`, nesting in `stack`. What a member means is elsewhere
//! (`envelope`, `ids`, `cloudevents`).

mod keys;
mod member;
mod number;
mod scan;
mod stack;
pub(super) mod text;

use std::borrow::Cow;

pub(super) use member::{Member, Members, Name};

use crate::event::RawReason;

/// A JSON value as it stood in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// The text, without white space around it.
    pub(super) text: &'a str,
    /// How many bytes PostgreSQL prints for it once it is `jsonb`.
    pub(super) printed: usize,
}

impl<'a> Value<'a> {
    /// The literal `null`.
    pub(super) const NULL: Value<'static> = Value {
        text: "null",
        printed: 4,
    };

    /// Whether it is `null`.
    pub(super) fn is_null(self) -> bool {
        self.text == Self::NULL.text
    }

    /// Whether it is an object.
    pub(super) fn is_object(self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether it is a number.
    pub(super) fn is_number(self) -> bool {
        self.text
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// Whether it is a string, even one that cannot be decoded.
    pub(super) fn is_string(self) -> bool {
        self.text.starts_with('"')
    }

    /// A string's characters; `None` for anything else and for a string with a lone surrogate,
    /// which is no text.
    pub(super) fn string(self) -> Option<Cow<'a, str>> {
        text::unescape(self.string_body()?)
    }

    /// What stands between a string's quotes, escapes and all.
    pub(super) fn string_body(self) -> Option<&'a str> {
        self.text.strip_prefix('"')?.strip_suffix('"')
    }

    /// Whether every reader of `jsonb` gets an equal number back; false for anything else.
    pub(super) fn is_number_in_range(self) -> bool {
        self.is_number() && number::scan(self.text).is_some_and(|number| number.in_range)
    }
}

/// A valid JSON text.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// All of it.
    pub(super) root: Value<'a>,
    /// The text that was scanned: what members' places count in.
    text: &'a str,
    /// The root object's members that have a [`Name`]; of equal ones the last, as `jsonb` does.
    pub(super) members: Members<'a>,
    /// The ids within the member `payload`, where that is an object.
    pub(super) payload_ids: Members<'a>,
    /// The ids within the member `data`, where that is an object.
    pub(super) data_ids: Members<'a>,
    /// How many members the root object has.
    pub(super) entries: usize,
    /// How deep it nests: 0 for a scalar, 1 for `[]`.
    pub(super) nesting: usize,
    /// Why `jsonb` cannot give it back as an equal value, nesting aside; of several reasons the
    /// first in the order of [`RawReason`].
    pub(super) flaw: Option<RawReason>,
}

impl<'a> Document<'a> {
    /// Scans `text`; `None` where it is no JSON (RFC 8259).
    ///
    /// In a text over `keys_limit` bytes equal keys are not looked for: it is raw whatever they
    /// are, and remembering every key of it would cost more memory than the message itself.
    pub(super) fn scan(text: &'a str, keys_limit: usize) -> Option<Self> {
        scan::scan(text, text.len() <= keys_limit)
    }

    /// What stands between two places of the text, without the commas and the white space around
    /// it. The places are edges of members, so that only those are there to be trimmed.
    pub(super) fn between(&self, start: usize, end: usize) -> &'a str {
        let piece = self.text.get(start..end).unwrap_or_default();
        piece.trim_matches([',', ' ', '\n', '\r', '\t'])
    }

    /// The text behind the root object's opening brace begins here.
    pub(super) fn inside_start(&self) -> usize {
        let blank = |c: &char| matches!(c, ' ' | '\n' | '\r' | '\t');
        self.text
            .chars()
            .take_while(blank)
            .count()
            .saturating_add(1)
    }

    /// The text before the root object's closing brace ends here.
    pub(super) fn inside_end(&self) -> usize {
        let root_end = self.inside_start().saturating_add(self.root.text.len());
        root_end.saturating_sub(2)
    }
}
