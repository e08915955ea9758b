//! The query of an address.
//!
//! A parameter that an endpoint does not know is refused: a `limits=5` that is quietly ignored is a
//! bug that its author finds much later. Given twice is refused too: there is no right one.

use std::ops::RangeInclusive;

use actix_web::HttpRequest;
use notif_core::ledger::{Ledger, LedgerCursor, TopicCursor};
use notif_core::query::{Cursor, CursorError, LIMIT_MAX, ListHash, OFFSET_MAX};
use percent_encoding::percent_decode;
use uuid::Uuid;

use crate::problem::{FieldError, Problem};

/// The parameters of one request, and what is wrong with them so far.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    refusals: Vec<FieldError>,
}

impl Parameters {
    /// The parameters of a request for an endpoint that knows `known`.
    pub(crate) fn of(request: &HttpRequest, known: &[&str]) -> Self {
        Self::parse(request.query_string(), known, &[])
    }

    /// The parameters of a query for an endpoint that knows `known`, of which `repeatable` may be
    /// given several times.
    pub(super) fn parse(query: &str, known: &[&str], repeatable: &[&str]) -> Self {
        let mut parameters = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            let shown = name.as_deref().unwrap_or("?").to_owned();
            let refusal = match (name, value) {
                (Some(name), _) if !known.contains(&name.as_str()) => Some(unknown(known)),
                (Some(name), _)
                    if parameters.value(&name).is_some()
                        && !repeatable.contains(&name.as_str()) =>
                {
                    Some("must not be given twice".to_owned())
                }
                (Some(name), Some(value)) => {
                    parameters.pairs.push((name, value));
                    None
                }
                _ => Some("must be UTF-8 without NUL characters".to_owned()),
            };
            if let Some(msg) = refusal {
                parameters
                    .refusals
                    .push(FieldError::new("query", &shown, msg));
            }
        }
        parameters
    }

    /// The value of a parameter.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The values of a parameter that may be given several times, in their order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.pairs.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Notes that a parameter is wrong.
    pub(super) fn refuse(&mut self, name: &str, msg: impl Into<String>) {
        self.refusals.push(FieldError::new("query", name, msg));
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u32>, hint: &str) -> Option<u32> {
        let value = self.value(name)?;
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse() {
            Ok(number) if digits && range.contains(&number) => Some(number),
            _ => {
                let (from, to) = (range.start(), range.end());
                self.refuse(
                    name,
                    format!("must be a whole number from {from} to {to}{hint}"),
                );
                None
            }
        }
    }

    /// `limit`: how many rows.
    pub(crate) fn limit(&mut self) -> Option<u32> {
        self.number("limit", 1..=LIMIT_MAX, "")
    }

    /// `offset`: how many rows to skip.
    pub(crate) fn offset(&mut self) -> Option<u32> {
        let hint = "; hint: further pages are reached by following the Link header (its cursor)";
        let offset = self.number("offset", 0..=OFFSET_MAX, hint);
        if offset.is_some() && self.value("cursor").is_some() {
            self.refuse("offset", "must not be given with cursor");
        }
        offset
    }

    /// `generation`: which life of a topic.
    pub(crate) fn generation(&mut self) -> Option<i32> {
        let generation = self.number("generation", 0..=i32::MAX.unsigned_abs(), "")?;
        i32::try_from(generation).ok()
    }

    /// `cursor`: the id after which the page of `list` begins.
    pub(crate) fn cursor(&mut self, list: ListHash) -> Option<Uuid> {
        match Cursor::parse(self.value("cursor")?, list) {
            Ok(id) => Some(id),
            Err(error) => {
                let hint = "hint: take it from a Link header as it stands";
                self.refuse("cursor", format!("{error}; {hint}"));
                None
            }
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.refusals.is_empty()
    }

    /// `cursor`: the number of the row after which the page of `ledger` begins.
    pub(crate) fn ledger_cursor(&mut self, ledger: Ledger) -> Option<i64> {
        self.place(|text| LedgerCursor::parse(text, ledger))
    }

    /// `cursor`: the topic after which the page of topics begins.
    pub(crate) fn topic_cursor(&mut self) -> Option<String> {
        self.place(TopicCursor::parse)
    }

    fn place<T>(&mut self, parse: impl FnOnce(&str) -> Result<T, CursorError>) -> Option<T> {
        match parse(self.value("cursor")?) {
            Ok(place) => Some(place),
            Err(error) => {
                let hint = "hint: take it from a Link header as it stands";
                self.refuse("cursor", format!("{error}; {hint}"));
                None
            }
        }
    }

    /// Refuses the request where anything was wrong.
    pub(crate) fn done(self) -> Result<(), Problem> {
        Problem::from_refusals(self.refusals)
    }
}

/// The value of a parameter that is given once, whatever else is given; none where it is not given,
/// given twice, or no text.
pub(crate) fn only(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = request.query_string().split('&');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs.filter(|(there, _)| decode(there).as_deref() == Some(name));
    let (_, value) = values.next()?;
    decode(value).filter(|value| !value.is_empty() && values.next().is_none())
}

fn unknown(known: &[&str]) -> String {
    if known.is_empty() {
        return "is not a parameter of this address, it takes none".to_owned();
    }
    format!(
        "is not a parameter of this address, it takes {}",
        known.join(", ")
    )
}

/// A name or a value as it was meant; none where it is no text that could be stored.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> Vec<String> {
        let mut parameters = Parameters::parse(query, &["limit", "offset"], &[]);
        let numbers = (parameters.limit(), parameters.offset());
        match parameters.done() {
            Ok(()) => panic!("{query} is taken: {numbers:?}"),
            Err(Problem::InvalidRequest(errors)) => errors
                .iter()
                .map(|error| error.loc.last().unwrap().clone())
                .collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn numbers_within_their_bounds_are_taken() {
        let mut parameters =
            Parameters::parse("limit=500&offset=%310000&", &["limit", "offset"], &[]);
        assert_eq!(parameters.limit(), Some(500));
        assert_eq!(parameters.offset(), Some(10_000));
        assert!(parameters.done().is_ok());
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for value in [
            "",
            "0",
            "-1",
            "+1",
            "1.0",
            "abc",
            "501",
            "99999999999",
            "1%00",
            "%FF",
            "%31 ",
        ] {
            assert_eq!(refused(&format!("limit={value}")), ["limit"], "{value}");
        }
        assert_eq!(refused("offset=10001"), ["offset"]);
        assert_eq!(refused("limit"), ["limit"]);
        assert_eq!(refused("limits=5"), ["limits"]);
        assert_eq!(refused("Limit=5"), ["Limit"]);
        assert_eq!(refused("%FF=5"), ["?"]);
        assert_eq!(refused("limit=1&limit=1"), ["limit"]);
        assert_eq!(refused("limit=0&offset=x&x=1"), ["x", "limit", "offset"]);
    }
}
