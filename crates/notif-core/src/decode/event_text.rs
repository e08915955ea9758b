//! JSON text for the column `event`, counted as PostgreSQL will print it.
//!
//! `jsonb` keeps neither white space nor the order of keys, so its printed length is not the
//! length of the text that goes in: values of the message go in as they stood and are counted as
//! they will come out.

use super::json::{Value, text};

/// A text in the making.
#[derive(Debug)]
pub(super) struct EventText {
    text: String,
    printed: usize,
}

impl EventText {
    /// An empty text with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            text: String::with_capacity(capacity),
            printed: 0,
        }
    }

    /// The text, and how many bytes PostgreSQL prints for it.
    pub(super) fn finish(self) -> (String, usize) {
        (self.text, self.printed)
    }

    /// The root object, with what `write` puts into it.
    pub(super) fn root(&mut self, write: impl FnOnce(&mut Self)) {
        self.literal("{");
        write(self);
        self.literal("}");
    }

    /// A member that is an object with what `write` puts into it; no member at all where that is
    /// nothing.
    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        let (length, printed) = (self.text.len(), self.printed);
        self.key(key);
        self.literal("{");
        let empty = self.text.len();
        write(self);
        if self.text.len() == empty {
            self.text.truncate(length);
            self.printed = printed;
        } else {
            self.literal("}");
        }
    }

    /// A member that is a string, or null.
    pub(super) fn string(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        let Some(value) = value else {
            return self.literal(Value::NULL.text);
        };
        let before = self.text.len();
        text::write_string(&mut self.text, value);
        // our own strings are written as they will be printed
        self.count(self.text.len().saturating_sub(before));
    }

    /// A member that is a value of the message, as it stood.
    pub(super) fn value(&mut self, key: &str, value: Value<'_>) {
        self.key(key);
        self.verbatim(value.text, value.printed);
    }

    /// A member that is plain text of ours: a number, `true`.
    pub(super) fn plain(&mut self, key: &str, value: &str) {
        self.key(key);
        self.literal(value);
    }

    /// A piece of the message, as it stood, that prints in `printed` bytes.
    pub(super) fn verbatim(&mut self, text: &str, printed: usize) {
        self.text.push_str(text);
        self.count(printed);
    }

    /// A key of ours, which needs no escapes.
    fn key(&mut self, key: &str) {
        if !self.text.ends_with('{') {
            self.literal(", ");
        }
        self.literal("\"");
        self.literal(key);
        self.literal("\": ");
    }

    fn literal(&mut self, text: &str) {
        self.verbatim(text, text.len());
    }

    fn count(&mut self, printed: usize) {
        self.printed = self.printed.saturating_add(printed);
    }
}
