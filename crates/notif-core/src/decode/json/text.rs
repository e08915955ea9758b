//! JSON strings: their escapes read, and text written as PostgreSQL prints it.
//!
//! The rules for printing are those of `jsonb`: `\b \f \n \r \t \" \\`, `\u00XX` for the other
//! control characters, and every other character as itself.

use std::borrow::Cow;

/// What stands between a valid string's quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    /// As it stood.
    pub(super) text: &'a str,
    /// Whether there are escapes in it.
    pub(super) is_escaped: bool,
}

/// One element of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A character.
    Char(char),
    /// Half of a character, without its other half.
    Lone(u16),
}

impl Unit {
    /// A number that orders units as their characters are ordered.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Char(character) => u32::from(character),
            Self::Lone(half) => u32::from(half),
        }
    }
}

/// Reads one escape from the bytes after its backslash; gives what is left behind it, and `None`
/// where it is no escape.
pub(super) fn escape(bytes: &[u8]) -> Option<(Unit, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let character = match kind {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(rest),
        _ => return None,
    };
    Some((Unit::Char(character), rest))
}

fn unicode_escape(bytes: &[u8]) -> Option<(Unit, &[u8])> {
    let (first, rest) = four_hex_digits(bytes)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((Unit::Char(character), rest));
    }
    // a half: only the other half right behind it makes a character; anything else behind it is
    // read on its own, so that a broken second escape is still found
    let pair = rest
        .strip_prefix(br"\u")
        .and_then(four_hex_digits)
        .and_then(|(second, after)| {
            let character = char::decode_utf16([first, second]).next()?.ok()?;
            Some((Unit::Char(character), after))
        });
    Some(pair.unwrap_or((Unit::Lone(first), rest)))
}

fn four_hex_digits(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let mut number = 0_u16;
    for &digit in digits {
        let digit = u16::try_from(char::from(digit).to_digit(16)?).ok()?;
        number = (number << 4) | digit;
    }
    Some((number, rest))
}

/// The units of what stands between a valid string's quotes.
pub(super) fn units(body: &str) -> impl Iterator<Item = Unit> + '_ {
    let mut rest = body;
    std::iter::from_fn(move || {
        let mut chars = rest.chars();
        match chars.next()? {
            '\\' => {
                let (unit, behind) = escape(chars.as_str().as_bytes())?;
                rest = tail(rest, behind.len());
                Some(unit)
            }
            character => {
                rest = chars.as_str();
                Some(Unit::Char(character))
            }
        }
    })
}

/// The text of what stands between a valid string's quotes; `None` where a lone surrogate makes
/// it no text.
pub(super) fn unescape(body: &str) -> Option<Cow<'_, str>> {
    if !body.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(body));
    }
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let (Unit::Char(character), behind) = escape(escaped.as_bytes())? else {
            return None;
        };
        text.push(character);
        rest = tail(escaped, behind.len());
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The last `length` bytes of `text`, which begin behind an ASCII character.
fn tail(text: &str, length: usize) -> &str {
    text.len()
        .checked_sub(length)
        .and_then(|start| text.get(start..))
        .unwrap_or_default()
}

/// How many bytes PostgreSQL prints for `character` within a string.
pub(super) fn printed_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\u{8}' | '\u{c}' | '\n' | '\r' | '\t' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

/// Writes `text` as a JSON string, byte for byte as PostgreSQL prints it.
pub(in crate::decode) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
    {
        let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut escaped = escaped.chars();
        if let Some(character) = escaped.next() {
            write_escaped(out, character);
        }
        rest = escaped.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn write_escaped(out: &mut String, character: char) {
    let short = match character {
        '"' => r#"\""#,
        '\\' => r"\\",
        '\u{8}' => r"\b",
        '\u{c}' => r"\f",
        '\n' => r"\n",
        '\r' => r"\r",
        '\t' => r"\t",
        control => {
            let code = u32::from(control);
            out.push_str(r"\u00");
            out.extend(
                [code >> 4, code & 15]
                    .into_iter()
                    .filter_map(|d| char::from_digit(d, 16)),
            );
            return;
        }
    };
    out.push_str(short);
}

/// The text of `value`, where it is one JSON string literal and nothing else.
pub(in crate::decode) fn literal(value: &str) -> Option<Cow<'_, str>> {
    let body = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut rest = body.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = match first {
            b'\\' => escape(behind)?.1,
            b'"' | ..b' ' => return None,
            _ => behind,
        };
    }
    unescape(body)
}
