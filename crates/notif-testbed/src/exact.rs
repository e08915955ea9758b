//! JSON values to compare messages with: nothing is rounded, nothing is dropped.
//!
//! `serde_json` finds the tokens, so that this is another reader than the decoder under test. Two
//! numbers are equal where they are the same decimal number, whatever their digits: `1.50`, `15e-1`
//! and `1.5` are one value, `-0` is `0`, and `9007199254740993` is not `9007199254740992`. Objects
//! are equal whatever the order of their members; one that has a member twice is refused, and so is
//! a string with a lone surrogate: readers differ on what these are.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The deepest nesting that is read, so that no text can take all of a thread's stack. What `event`
/// holds is nested 104 deep at most.
const DEEPEST: u32 = 150;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Decimal),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

/// A decimal number: `0.DIGITS` times ten to the power of `exponent`; zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: String,
    exponent: i128,
}

impl Json {
    /// Reads a JSON text.
    pub fn parse(text: &[u8]) -> Result<Self> {
        Self::of(serde_json::from_slice(text)?, DEEPEST)
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Takes a member out of an object; `Null` where there is none.
    #[must_use]
    pub fn take(&mut self, name: &str) -> Self {
        match self {
            Self::Object(members) => members.remove(name).unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// `levels` more of arrays and objects may be within the value.
    fn of(value: &RawValue, levels: u32) -> Result<Self> {
        let text = value.get();
        let within = || levels.checked_sub(1).context("it is nested too deep");
        Ok(match text.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Bool(text == "true"),
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b'[') => {
                let levels = within()?;
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let items = items.into_iter().map(|item| Self::of(item, levels));
                Self::Array(items.collect::<Result<_>>()?)
            }
            Some(b'{') => {
                let levels = within()?;
                let Entries(entries) = serde_json::from_str(text)?;
                let count = entries.len();
                let members = entries
                    .into_iter()
                    .map(|(name, value)| Ok((name, Self::of(value, levels)?)));
                let members = members.collect::<Result<BTreeMap<_, _>>>()?;
                ensure!(members.len() == count, "a member is there twice");
                Self::Object(members)
            }
            Some(b'-' | b'0'..=b'9') => Self::Number(Decimal::of(text)?),
            _ => bail!("{text:?} begins like no JSON"),
        })
    }
}

impl Decimal {
    fn of(text: &str) -> Result<Self> {
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, exponent(power)?),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let digits = all.trim_start_matches('0');
        let leading = all.len().saturating_sub(digits.len());
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Ok(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        let point = i128::try_from(whole.len())?.saturating_sub(i128::try_from(leading)?);
        Ok(Self {
            negative,
            digits,
            exponent: power.saturating_add(point),
        })
    }
}

/// An exponent of more digits than this type holds is no number that a test could tell from another.
fn exponent(text: &str) -> Result<i128> {
    Ok(text.strip_prefix('+').unwrap_or(text).parse()?)
}

/// The members of an object as they stand, equal names kept.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    fn equal(one: &str, other: &str) -> bool {
        Json::parse(one.as_bytes()).unwrap() == Json::parse(other.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_their_value() {
        for (one, other) in [
            ("1.50", "15e-1"),
            ("-0", "0.000"),
            ("0e99999999999999999999", "0"),
            ("100", "1E+2"),
            ("0.001", "1e-3"),
            ("-12.30e1", "-123"),
        ] {
            assert!(equal(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("9007199254740993", "9007199254740992"),
            ("1", "-1"),
            ("1e400", "1e401"),
            ("0.1", "0.10000000000000000000001"),
            ("1", r#""1""#),
            ("1", "true"),
        ] {
            assert!(!equal(one, other), "{one} {other}");
        }
    }

    #[test]
    fn objects_are_compared_without_regard_to_order_and_arrays_with() {
        assert!(equal(r#"{"a":1,"b":[{}]}"#, r#" {"b": [{ }], "a":1.0}"#));
        assert!(equal(r#""\u00e9\ud83d\ude00\/""#, "\"é😀/\""));
        assert!(!equal("[1,2]", "[2,1]"));
        assert!(!equal("{}", "[]"));
    }

    #[test]
    fn what_readers_differ_on_is_refused() {
        for text in [
            r#"{"a":1,"\u0061":1}"#,
            r#"[{"x":{"b":1,"b":2}}]"#,
            r#""\ud800""#,
            "01",
            "[1,]",
            "\"\u{1}\"",
            "NaN",
            "",
            &"[".repeat(100_000),
            &format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
        ] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xFF\"").is_err());
    }
}
