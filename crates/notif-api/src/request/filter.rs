//! The filters of an address: `?orderId=o-1&eventType=order.*&since=2026-01-05T10:00:00Z`.
//!
//! What they mean is in [`notif_core::filter`]; here is how they are written. All that are given
//! must fit at once; of a filter that may be given several times (`eventType`, `topic`) one must.

use actix_web::HttpRequest;
use chrono::{DateTime, SecondsFormat, Utc};
use notif_core::filter::{
    EVENT_TYPES_MAX, EventTypePattern, EventTypes, Filter, STATUSES, TOPICS_MAX,
};
use notif_core::query;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::parameters::Parameters;

/// The filters, by name.
pub(crate) const NAMES: [&str; 10] = [
    "orderId",
    "customerId",
    "runnerId",
    "eventType",
    "topic",
    "service",
    "correlationId",
    "status",
    "since",
    "until",
];
/// Those of them that may be given several times.
const REPEATABLE: [&str; 2] = ["eventType", "topic"];

/// What stands for itself in a query: what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Parameters {
    /// The parameters of a request for an endpoint that knows the filters and `others`.
    pub(crate) fn with_filter(request: &HttpRequest, others: &[&str]) -> Self {
        Self::filtered(request.query_string(), others)
    }

    fn filtered(query: &str, others: &[&str]) -> Self {
        let known: Vec<&str> = NAMES.iter().chain(others).copied().collect();
        Self::parse(query, &known, &REPEATABLE)
    }

    /// The filter that the request names. Where a part of it is refused, that part is left out, and
    /// [`done`](Self::done) tells of it.
    pub(crate) fn filter(&mut self) -> Filter {
        Filter {
            order_id: self.id("orderId"),
            customer_id: self.id("customerId"),
            runner_id: self.id("runnerId"),
            correlation_id: self.id("correlationId"),
            status: self.status(),
            service: self.id("service"),
            event_types: self.event_types(),
            topics: self.texts("topic", TOPICS_MAX).into_iter().collect(),
            since: self.time("since"),
            until: self.time("until"),
        }
    }

    fn id(&mut self, name: &str) -> Option<String> {
        let value = self.value(name)?.to_owned();
        self.checked(name, value)
    }

    /// A text that the columns could hold: the rule for ids holds for all of them.
    fn checked(&mut self, name: &str, value: String) -> Option<String> {
        let checked = query::id_from_text(value);
        checked
            .map_err(|error| self.refuse(name, error.to_string()))
            .ok()
    }

    fn texts(&mut self, name: &str, at_most: usize) -> Vec<String> {
        let values: Vec<String> = self.values(name).map(str::to_owned).collect();
        if values.len() > at_most {
            let given = values.len();
            self.refuse(
                name,
                format!("must be given at most {at_most} times, is {given} times"),
            );
            return Vec::new();
        }
        values
            .into_iter()
            .filter_map(|value| self.checked(name, value))
            .collect()
    }

    fn event_types(&mut self) -> EventTypes {
        let texts = self.texts("eventType", EVENT_TYPES_MAX);
        texts
            .iter()
            .map(|text| EventTypePattern::parse(text))
            .collect()
    }

    fn status(&mut self) -> Option<String> {
        let value = self.value("status")?;
        if STATUSES.contains(&value) {
            return Some(value.to_owned());
        }
        self.refuse("status", format!("must be one of {}", STATUSES.join(", ")));
        None
    }

    fn time(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let time = parse_time(self.value(name)?);
        if time.is_none() {
            let msg = "must be a time with its offset, as in 2026-01-05T10:00:00Z or \
                       2026-01-05T11:00:00.250+01:00";
            self.refuse(name, msg);
        }
        time
    }
}

/// A time as RFC 3339 writes it. A `+` in an address means a space, and who writes an offset by
/// hand forgets that: so a space behind the time of day is the `+` that was meant.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    const DATE: usize = "2026-01-05".len();
    let (date, rest) = text.split_at_checked(DATE)?;
    let separator = rest.chars().next()?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let meant = format!("{date}{separator}{}", rest.replace(' ', "+"));
    let time = DateTime::parse_from_rfc3339(&meant).ok()?;
    Some(time.to_utc())
}

/// The query that names this filter again; empty, or with `&` behind each parameter.
pub(crate) fn to_query(filter: &Filter) -> String {
    let mut query = String::new();
    let mut push = |name: &str, value: &str, star: &str| {
        let value = utf8_percent_encode(value, ESCAPED);
        query.extend([name, "=", &value.to_string(), star, "&"]);
    };
    let ids = [
        ("orderId", &filter.order_id),
        ("customerId", &filter.customer_id),
        ("runnerId", &filter.runner_id),
        ("correlationId", &filter.correlation_id),
        ("status", &filter.status),
        ("service", &filter.service),
    ];
    for (name, value) in ids {
        if let Some(value) = value {
            push(name, value, "");
        }
    }
    for name in filter.event_types.exact() {
        push("eventType", name, "");
    }
    for prefix in filter.event_types.prefixes() {
        push("eventType", prefix, "*");
    }
    for topic in &filter.topics {
        push("topic", topic, "");
    }
    for (name, at) in [("since", filter.since), ("until", filter.until)] {
        if let Some(at) = at {
            push(name, &at.to_rfc3339_opts(SecondsFormat::AutoSi, true), "");
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    fn parsed(query: &str) -> Filter {
        let mut parameters = Parameters::filtered(query, &["limit"]);
        let filter = parameters.filter();
        parameters
            .done()
            .unwrap_or_else(|problem| panic!("{query}: {problem}"));
        filter
    }

    fn refused(query: &str) -> Vec<String> {
        let mut parameters = Parameters::filtered(query, &["limit"]);
        let filter = parameters.filter();
        match parameters.done() {
            Ok(()) => panic!("{query} is taken: {filter:?}"),
            Err(Problem::InvalidRequest(errors)) => errors
                .iter()
                .map(|error| error.loc.last().unwrap().clone())
                .collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_filter_is_read_into_its_field() {
        let filter = parsed(
            "orderId=o&customerId=c&runnerId=r&correlationId=x&status=redacted&service=s\
             &eventType=a.b&eventType=c*&topic=t&topic=u&limit=5\
             &since=2026-01-05T10:00:00Z&until=2026-01-05T12:00:00%2B01:00",
        );
        assert_eq!(
            to_query(&filter),
            "orderId=o&customerId=c&runnerId=r&correlationId=x&status=redacted&service=s\
             &eventType=a.b&eventType=c*&topic=t&topic=u\
             &since=2026-01-05T10%3A00%3A00Z&until=2026-01-05T11%3A00%3A00Z&"
        );
        assert_eq!(parsed(&to_query(&filter)), filter);
        assert_eq!(parsed(""), Filter::default());
    }

    #[test]
    fn a_query_says_the_same_when_it_is_written_again() {
        for query in [
            "orderId=..",
            "orderId=a%2Bb%20c%26d%3De%23%25",
            "topic=%F0%9F%93%A6&topic=%3E%22%3C",
            "eventType=%2A.x&eventType=a%2A*",
            "since=2026-01-05T10:00:00.123456789Z",
        ] {
            let filter = parsed(query);
            let again = to_query(&filter);
            assert_eq!(parsed(&again), filter, "{query} {again}");
            assert!(again.is_ascii() && !again.contains(['<', '>', '"', ' ']));
        }
    }

    #[test]
    fn a_time_has_an_offset_and_a_space_may_stand_for_its_plus() {
        let is = |text: &str, utc: &str| {
            let filter = parsed(&format!("since={text}"));
            assert_eq!(filter.since, Some(utc.parse().unwrap()), "{text}");
        };
        is("2026-01-05T11:30:00%2B01:30", "2026-01-05T10:00:00Z");
        is("2026-01-05T11:30:00+01:30", "2026-01-05T10:00:00Z");
        is("2026-01-05T11:30:00%2001:30", "2026-01-05T10:00:00Z");
        is("2026-01-05+11:30:00+01:30", "2026-01-05T10:00:00Z");
        is("2026-01-05t08:30:00.5-01:30", "2026-01-05T10:00:00.5Z");
        for text in [
            "",
            "2026-01-05",
            "2026-01-05T10:00:00",
            "2026-01-05T10:00Z",
            "2026-13-05T10:00:00Z",
            "2026-01-05T25:00:00Z",
            "2026-01-05T10:00:00Zx",
            "1767607200",
            "yesterday",
            "2026-01-0%C3%A4T10:00:00Z",
        ] {
            assert_eq!(refused(&format!("until={text}")), ["until"], "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for name in [
            "orderId",
            "customerId",
            "runnerId",
            "correlationId",
            "service",
            "topic",
            "eventType",
        ] {
            assert_eq!(refused(&format!("{name}=")), [name]);
            assert_eq!(refused(&format!("{name}=a%00")), [name]);
            assert_eq!(refused(&format!("{name}={}", "a".repeat(256))), [name]);
        }
        assert_eq!(refused("status=Captured"), ["status"]);
        assert_eq!(refused("status="), ["status"]);
        assert_eq!(refused("orderId=a&orderId=b"), ["orderId"]);
        assert_eq!(
            refused("since=x&until=y&order=z"),
            ["order", "since", "until"]
        );
        assert_eq!(refused(&"topic=t&".repeat(101)), ["topic"]);
        assert_eq!(refused(&"eventType=t&".repeat(101)), ["eventType"]);
        assert_eq!(parsed(&"topic=t&".repeat(100)).topics.len(), 1);
    }
}
