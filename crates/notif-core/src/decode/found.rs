//! What was found for a column: nothing, a text, or something that no column can hold.

use std::borrow::Cow;

use super::json::Value;

/// How many characters the text columns take, `varchar(255)`.
const COLUMN_CHARACTERS: usize = 255;

/// What a message says about one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// Nothing: the next place is asked.
    Absent,
    /// This.
    Text(Cow<'a, str>),
    /// Something that PostgreSQL cannot store as text (a NUL, a lone surrogate, bytes that are no
    /// UTF-8). It counts as found: the sender did name something, so no other place is asked, and
    /// the column stays empty.
    Unstorable,
}

impl<'a> Found<'a> {
    /// A value under the rule for ids: strings and numbers count, and what a careless sender
    /// writes for "none" does not.
    pub(super) fn in_value(value: Option<Value<'a>>) -> Self {
        match value {
            Some(value) if value.is_number() => Self::Text(Cow::Borrowed(value.text)),
            Some(value) if value.is_string() => match Self::in_string(value) {
                Self::Text(text) if is_none_word(&text) => Self::Absent,
                found => found,
            },
            _ => Self::Absent,
        }
    }

    /// A value that counts where it is a non-empty string.
    pub(super) fn in_non_empty_string(value: Option<Value<'a>>) -> Self {
        match value {
            Some(value) if value.is_string() => match Self::in_string(value) {
                Self::Text(text) if text.is_empty() => Self::Absent,
                found => found,
            },
            _ => Self::Absent,
        }
    }

    fn in_string(value: Value<'a>) -> Self {
        value.string().map_or(Self::Unstorable, Self::storable)
    }

    /// `text`, unless a NUL in it makes it unstorable.
    pub(super) fn storable(text: Cow<'a, str>) -> Self {
        if text.contains('\0') {
            Self::Unstorable
        } else {
            Self::Text(text)
        }
    }

    /// This one, or what the next place says where this one is absent.
    pub(super) fn or_else(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Absent => next(),
            found => found,
        }
    }

    /// The text as the column takes it.
    pub(super) fn fitting(&self) -> Option<&str> {
        match self {
            Self::Text(text) if fits_column(text) => Some(text),
            _ => None,
        }
    }

    /// The text that is too long for its column.
    pub(super) fn too_long(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !fits_column(text) => Some(text),
            _ => None,
        }
    }
}

/// Whether `text` stands for "none": what Python and JavaScript senders make of a missing id.
pub(super) fn is_none_word(text: &str) -> bool {
    matches!(text, "" | "None" | "null")
}

fn fits_column(text: &str) -> bool {
    // bytes are counted first: nearly every text is far below
    text.len() <= COLUMN_CHARACTERS || text.chars().count() <= COLUMN_CHARACTERS
}
