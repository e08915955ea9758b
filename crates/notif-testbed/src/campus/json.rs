//! Writing JSON as CampusG's services do: some compact, some with Python's spaces and escapes.
//!
//! By hand, because the simulator has to be much faster than what it feeds.

use std::fmt::Write as _;

/// A JSON object in the making; [`Object::end`] closes it.
pub(super) struct Object<'a> {
    out: &'a mut String,
    style: Style,
    empty: bool,
}

/// How a service's library prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// No spaces, text as it is.
    Compact,
    /// `json.dumps`: a space after `:` and `,`, and nothing beyond ASCII.
    Python,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut String, style: Style) -> Self {
        out.push('{');
        Self {
            out,
            style,
            empty: true,
        }
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }

    fn name(&mut self, name: &str) {
        let (comma, colon) = match self.style {
            Style::Compact => (",\"", "\":"),
            Style::Python => (", \"", "\": "),
        };
        self.out.push_str(if self.empty { "\"" } else { comma });
        self.empty = false;
        self.out.push_str(name);
        self.out.push_str(colon);
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        quote(self.out, text, self.style);
    }

    pub(super) fn number(&mut self, name: &str, number: impl Into<i64>) {
        self.raw(name, format_args!("{}", number.into()));
    }

    /// What is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: std::fmt::Arguments<'_>) {
        self.name(name);
        // writing to a string does not fail
        self.out.write_fmt(json).unwrap_or_default();
    }

    pub(super) fn uuid(&mut self, name: &str, id: u128) {
        self.name(name);
        self.out.push('"');
        push_uuid(self.out, id);
        self.out.push('"');
    }

    pub(super) fn null(&mut self, name: &str) {
        self.raw(name, format_args!("null"));
    }
}

/// Appends the 36 characters of a UUID.
pub(super) fn push_uuid(out: &mut String, id: u128) {
    let mut buffer = uuid::Uuid::encode_buffer();
    out.push_str(
        uuid::Uuid::from_u128(id)
            .hyphenated()
            .encode_lower(&mut buffer),
    );
}

/// Appends a JSON string literal.
pub(super) fn quote(out: &mut String, text: &str, style: Style) {
    out.push('"');
    let mut rest = text;
    let special = |c: char| match style {
        Style::Compact => matches!(c, '"' | '\\' | '\0'..='\x1f'),
        Style::Python => matches!(c, '"' | '\\' | '\0'..='\x1f' | '\x7f'..),
    };
    while let Some(at) = rest.find(special) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some(other) => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap_or_default();
                }
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::{Object, Style, quote};

    #[test]
    fn every_style_is_read_back() -> anyhow::Result<()> {
        let odd = "a\"b\\c\u{1}ü学😀";
        for style in [Style::Compact, Style::Python] {
            let mut out = String::new();
            let mut object = Object::begin(&mut out, style);
            object.text("text", odd);
            object.number("number", -3);
            object.null("null");
            object.end();
            let value: serde_json::Value = serde_json::from_str(&out)?;
            assert_eq!(
                value,
                serde_json::json!({"text": odd, "number": -3, "null": null}),
                "{out}"
            );
        }
        Ok(())
    }

    #[test]
    fn python_stays_within_ascii() {
        let mut out = String::new();
        quote(&mut out, "Zoë 😀", Style::Python);
        assert_eq!(out, r#""Zo\u00eb \ud83d\ude00""#);
    }
}
